#include "model/query_propagation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.h"
#include "model/temporal_test_support.h"
#include "model/vepe.h"

namespace vepe::model::temporal_testing {
namespace {

// People as squares of side 0.2 around places x, y.
KeptQueries people_at(const std::vector<std::pair<double, double>>& places, double logit = 0) {
  const auto R = static_cast<std::int64_t>(places.size());
  KeptQueries people;
  people.index = torch::arange(R, torch::kLong);
  people.query = torch::arange(R, torch::kDouble).unsqueeze(1).expand({R, 4}) + logit;
  people.score_logit = torch::full({R}, logit, torch::kDouble);
  people.keypoints = torch::empty({R, 4, 2}, torch::kDouble);
  for (std::int64_t r = 0; r < R; ++r) {
    for (std::int64_t k = 0; k < 4; ++k) {
      people.keypoints[r][k][0] = places[static_cast<std::size_t>(r)].first + (k % 2 == 0 ? -0.1 : 0.1);
      people.keypoints[r][k][1] = places[static_cast<std::size_t>(r)].second + (k / 2 == 0 ? -0.1 : 0.1);
    }
  }
  people.track_id = torch::arange(R, torch::kLong);
  return people;
}

std::vector<double> centre(const Tensor& keypoints) {
  const Tensor mean = keypoints.mean(0);
  return {mean[0].item<double>(), mean[1].item<double>()};
}

TEST(QueryPropagation, SomebodyWhomOnlyTheNeighboursShowStandsHalfwayBetweenTheirPoses) {
  const KeptQueries before = people_at({{0.2, 0.5}, {0.60, 0.5}}, 1), after = people_at({{0.22, 0.5}, {0.64, 0.54}}, 3);
  const KeptQueries found = propagated_queries(before, people_at({{0.21, 0.5}}), after, 0);
  ASSERT_EQ(found.count(), 1);
  EXPECT_EQ(found.index[0].item<std::int64_t>(), -1);
  EXPECT_NEAR(centre(found.keypoints[0])[0], 0.62, 1e-12);
  EXPECT_NEAR(centre(found.keypoints[0])[1], 0.52, 1e-12);
  EXPECT_DOUBLE_EQ(found.score_logit[0].item<double>(), 2);
  EXPECT_DOUBLE_EQ(found.query[0][0].item<double>(), 3);  // the mean of 2 and 4
  EXPECT_EQ(found.track_id[0].item<std::int64_t>(), 1);
  EXPECT_FALSE(found.embedding.defined() || found.keypoint_scores.defined());
  const KeptQueries all = joined(people_at({{0.21, 0.5}}), found);
  EXPECT_TRUE(all.index.equal(torch::tensor({0, -1})));
  EXPECT_TRUE(all.keypoints[1].equal(found.keypoints[0]));
}

TEST(QueryPropagation, NobodyIsAddedWhereTheKeyFrameHasSomebodyOrTheNeighboursDisagree) {
  const KeptQueries here = people_at({{0.6, 0.5}}), near = people_at({{0.63, 0.5}}), far = people_at({{0.8, 0.5}}),
                    none = people_at({});
  EXPECT_EQ(propagated_queries(here, here, near, 0).count(), 0);
  EXPECT_EQ(propagated_queries(here, none, far, 0).count(), 0);  // two half extents away
  EXPECT_EQ(propagated_queries(here, far, near, 0).count(), 1);
  EXPECT_EQ(propagated_queries(here, none, none, 0).count(), 0);
  EXPECT_EQ(propagated_queries(none, none, near, 0).count(), 0);
  // A window whose frames repeat at the end of a video.
  EXPECT_EQ(propagated_queries(here, near, near, 0).count(), 0);
}

TEST(QueryPropagation, SomebodySeenTwiceIsAddedOnceWithTheBetterScore) {
  KeptQueries before = people_at({{0.60, 0.5}, {0.61, 0.51}}), after = people_at({{0.62, 0.5}, {0.63, 0.51}});
  before.score_logit = torch::tensor({-1.0, 2.0}, torch::kDouble);
  const KeptQueries found = propagated_queries(before, people_at({}), after, 0);
  ASSERT_EQ(found.count(), 1);
  EXPECT_DOUBLE_EQ(found.score_logit[0].item<double>(), 1);
}

TEST(QueryPropagation, PairsMustLookAlike) {
  KeptQueries before = people_at({{0.6, 0.5}}), after = before;
  before.embedding = torch::tensor({{1.0, 0.0}}, torch::kDouble);
  after.embedding = torch::tensor({{0.6, 0.8}}, torch::kDouble);
  EXPECT_EQ(propagated_queries(before, people_at({}), after, 0.7).count(), 0);
  const KeptQueries found = propagated_queries(before, people_at({}), after, 0.5);
  ASSERT_EQ(found.count(), 1);
  EXPECT_NEAR(found.embedding.norm().item<double>(), 1, 1e-12);
  EXPECT_NEAR(found.embedding[0][1].item<double>() / found.embedding[0][0].item<double>(), 0.5, 1e-12);
}

// The person of both neighbours has no kept query in the key frame.
TEST(QueryPropagation, TheTemporalPhaseAnswersForSomebodyWhomTheKeyFrameDoesNotShowAndLearnsFromIt) {
  torch::manual_seed(5);
  TemporalConfig config = small_temporal();
  config.propagate = true;
  Vepe vepe(small_config(), config);
  randomise(vepe);
  std::vector<FrameFeatures> window = {random_frame({2}), random_frame({}), random_frame({2})};
  window[2].keypoints = window[0].keypoints + 0.01;
  window[2].embedding = window[0].embedding;
  const TemporalOutput output = vepe.temporal(window);
  ASSERT_TRUE(output.query_index.equal(torch::tensor({-1})));
  for (const TemporalLayer& layer : output.layers) EXPECT_EQ(layer.keypoints.size(0), 1);
  EXPECT_LE(largest_difference(output.embedding[0], window[0].embedding[2]), 1e-6);
  mixed(output.layers.back().keypoints).backward();
  EXPECT_GT(vepe.named_parameters()["propagated"].grad().abs().sum().item<double>(), 0);
  config.propagate = false;
  EXPECT_EQ(Vepe(small_config(), config).temporal(window).query_index.size(0), 0);
}

TEST(QueryPropagation, ConfigRefusesWindowsWithoutASecondNeighbour) {
  const auto read = [](const std::string& text) {
    const toml::table document = parse_toml_text(text, "model.toml");
    TableReader table(document, "model.toml: temporal");
    return read_temporal_config(table, 3);
  };
  EXPECT_TRUE(read("propagate = true").propagate);
  for (const char* bad :
       {"propagate = true\nwindow = \"causal\"", "propagate = true\nframes = 1", "propagate = true\nstpe = false\nstpd = false"}) {
    EXPECT_THROW(read(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace vepe::model::temporal_testing
