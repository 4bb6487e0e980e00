#include "loss/matcher.h"

#include "core/error.h"
#include "loss/keypoint_l1.h"
#include "loss/oks.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::golden;
using testing::tensor;

Tensor sigmas() { return torch::tensor(testing::coco_sigmas(), torch::kFloat); }

Targets golden_targets(const SafetensorsFile& file) {
  const Tensor truth = tensor(file, "gt");  // [G, K, 3] x, y, v; x and y in pixels
  Targets targets;
  targets.width = 200;
  targets.height = 100;
  targets.keypoints = truth.slice(2, 0, 2) / torch::tensor({200.0F, 100.0F});
  targets.visible = truth.select(2, 2) > 0;
  targets.area = tensor(file, "area");
  return targets;
}

TEST(Matcher, CostsAndPairsAgreeWithTheReference) {
  const SafetensorsFile file = golden("matcher.safetensors");
  const Tensor logit = tensor(file, "logit").squeeze(1), keypoints = tensor(file, "keypoints").view({15, 17, 2});
  const std::vector<Targets> targets{golden_targets(file)};
  const GroundTruth truth = pack_ground_truth(targets, 17, keypoints);
  const MatchCosts costs = match_costs(logit, keypoints, truth, 0, sigmas(), {});
  EXPECT_TRUE(torch::allclose(costs.score, tensor(file, "cost_class"), 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(costs.keypoints, tensor(file, "cost_l1"), 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(costs.oks, tensor(file, "cost_oks"), 1e-4, 1e-6));

  const auto matches = match(logit.unsqueeze(0), keypoints.unsqueeze(0), targets, testing::coco_sigmas());
  Tensor assigned = torch::zeros({15}, torch::kLong);
  assigned.index_put_({matches[0].query}, matches[0].person + 1);
  EXPECT_TRUE(torch::equal(assigned, tensor(file, "assigned_gt_plus_1")));
}

// The costs are computed in blocks of persons; both sides of that border must be the formulas of the losses.
TEST(Matcher, CostsAreTheLossesAtAnyNumberOfQueries) {
  torch::manual_seed(2);
  for (const std::int64_t queries : {1, 7, 4001, 40000}) {
    const std::vector<Targets> targets{testing::random_targets(2, 5), testing::random_targets(3, 5, 300, 100)};
    const Tensor keypoints = torch::rand({queries, 5, 2}), sigma = torch::tensor({0.1F, 0.2F, 0.3F, 0.4F, 0.5F});
    const GroundTruth truth = pack_ground_truth(targets, 5, keypoints);
    const MatchCosts costs = match_costs(torch::randn({queries}), keypoints, truth, 1, sigma, {});
    const Tensor poses = keypoints.unsqueeze(1), wanted = truth.keypoints.slice(0, 2), visible = truth.visible.slice(0, 2);
    const Tensor error = 70 * keypoint_l1(poses, wanted, visible) / (2 * visible.sum(1));
    const Tensor similarity = oks(poses, wanted, visible, truth.area.slice(0, 2), truth.size_px.slice(0, 2), sigma);
    ASSERT_EQ(costs.keypoints.sizes(), (at::IntArrayRef{queries, 3}));
    EXPECT_TRUE(torch::allclose(costs.keypoints, error, 1e-5, 1e-5)) << queries;
    EXPECT_TRUE(torch::allclose(costs.oks, -7 * similarity, 1e-4, 1e-6)) << queries;
  }
}

// Two persons, one query near the first and one far from both: the far one is paired unless likeness is asked for.
TEST(Matcher, UnlikePairsAreLeftOutUnderMinOks) {
  Targets targets;
  targets.width = targets.height = 100;
  targets.keypoints = torch::stack({torch::full({17, 2}, 0.2F), torch::full({17, 2}, 0.8F)});
  targets.visible = torch::ones({2, 17}, torch::kBool);
  targets.area = torch::full({2}, 400.0F);
  const Tensor keypoints = torch::stack({torch::full({17, 2}, 0.5F), torch::full({17, 2}, 0.21F)}).unsqueeze(0);
  const Tensor logit = torch::zeros({1, 2});
  EXPECT_EQ(match(logit, keypoints, {targets}, testing::coco_sigmas())[0].query.size(0), 2);
  MatcherConfig config;
  config.min_oks = 0.1;
  const auto matches = match(logit, keypoints, {targets}, testing::coco_sigmas(), config);
  ASSERT_EQ(matches[0].query.size(0), 1);
  EXPECT_EQ(matches[0].query.item<int64_t>(), 1);
  EXPECT_EQ(matches[0].person.item<int64_t>(), 0);
}

TEST(Matcher, ImagesDoNotInfluenceEachOther) {
  torch::manual_seed(3);
  const std::vector<Targets> targets{testing::random_targets(3, 5), testing::random_targets(0, 5), testing::random_targets(4, 5)};
  const std::vector<double> spread(5, 0.08);
  const Tensor logit = torch::randn({3, 12}), keypoints = torch::rand({3, 12, 5, 2});
  const auto together = match(logit, keypoints, targets, spread);
  ASSERT_EQ(together.size(), 3U);
  EXPECT_EQ(together[1].query.size(0), 0);
  for (std::int64_t b = 0; b < 3; ++b) {
    const auto index = static_cast<std::size_t>(b);
    const auto alone = match(logit.slice(0, b, b + 1), keypoints.slice(0, b, b + 1), {targets[index]}, spread);
    EXPECT_TRUE(torch::equal(alone[0].query, together[index].query));
    EXPECT_TRUE(torch::equal(alone[0].person, together[index].person));
  }
}

TEST(Matcher, EveryPersonGetsItsOwnQuery) {
  torch::manual_seed(4);
  const std::vector<Targets> targets{testing::random_targets(6, 5)};
  const Tensor keypoints = torch::rand({1, 9, 5, 2});
  const auto matches = match(torch::randn({1, 9}), keypoints, targets, std::vector<double>(5, 0.08));
  EXPECT_TRUE(torch::equal(matches[0].person, torch::arange(6)));
  EXPECT_EQ(std::get<0>(torch::_unique(matches[0].query)).size(0), 6);
}

TEST(Matcher, MorePersonsThanQueriesLeavesSomeAlone) {
  torch::manual_seed(5);
  const std::vector<Targets> targets{testing::random_targets(5, 4)};
  const auto matches = match(torch::randn({1, 3}), torch::rand({1, 3, 4, 2}), targets, std::vector<double>(4, 0.08));
  EXPECT_EQ(matches[0].query.size(0), 3);
  EXPECT_TRUE(torch::equal(std::get<0>(matches[0].query.sort()), torch::arange(3)));
}

TEST(Matcher, PredictionsThatAreNotNumbersAreStillMatched) {
  torch::manual_seed(6);
  const std::vector<Targets> targets{testing::random_targets(2, 4)};
  const Tensor keypoints = torch::full({1, 3, 4, 2}, std::nan(""));
  const auto matches = match(torch::randn({1, 3}), keypoints, targets, std::vector<double>(4, 0.08));
  EXPECT_EQ(matches[0].query.size(0), 2);
}

TEST(GroundTruth, RefusesPersonsThatHaveNoCost) {
  torch::manual_seed(7);
  const Tensor like = torch::zeros({1});
  const auto expect_refused = [&](const std::function<void(Targets&)>& spoil, const std::string& message) {
    Targets targets = testing::random_targets(3, 4);
    spoil(targets);
    try {
      pack_ground_truth({testing::random_targets(1, 4), targets}, 4, like);
      ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  };
  expect_refused([](Targets& t) { t.visible[1].fill_(false); }, "image 1, person 1: no visible keypoint");
  expect_refused([](Targets& t) { t.area[2] = 0; }, "image 1, person 2: the area");
  expect_refused([](Targets& t) { t.keypoints[0][0][1] = std::nan(""); }, "image 1, person 0: a coordinate");
  expect_refused([](Targets& t) { t.visible = t.visible.slice(1, 1); }, "image 1, visible: got [3, 3], want [3, 4]");
  expect_refused([](Targets& t) { t.width = 0; }, "image size is 0 x 128");
}

TEST(GroundTruth, LaysPersonsOneAfterTheOther) {
  torch::manual_seed(8);
  const std::vector<Targets> targets{testing::random_targets(2, 4), {}, testing::random_targets(1, 4, 300, 200)};
  const GroundTruth truth = pack_ground_truth(targets, 4, torch::zeros({1}, torch::kDouble));
  EXPECT_EQ(truth.first, (std::vector<std::int64_t>{0, 2, 2, 3}));
  EXPECT_TRUE(torch::equal(truth.image, torch::tensor({0, 0, 2})));
  EXPECT_EQ(truth.keypoints.scalar_type(), torch::kDouble);
  EXPECT_EQ(testing::value(truth.size_px[2][0][0]), 300);
}

}  // namespace
}  // namespace vepe::loss
