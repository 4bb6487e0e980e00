#include "loss/temporal_criterion.h"

#include <cmath>
#include <map>

#include "core/error.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::value;

std::map<std::string, double> by_name(const LossTerms& terms) {
  std::map<std::string, double> values;
  for (const auto& [name, term] : terms.terms) values[name] = value(term);
  return values;
}

// One person of one keypoint at (0.5, 0.5) of a 100 x 50 image.
Targets person_in_the_middle() {
  Targets targets;
  targets.width = 100;
  targets.height = 50;
  targets.keypoints = torch::tensor({0.5f, 0.5f}).view({1, 1, 2});
  targets.visible = torch::ones({1, 1}, torch::kBool);
  targets.area = torch::tensor({400.f});
  targets.boxes = torch::tensor({40.f, 15.f, 60.f, 35.f}).view({1, 4});
  targets.track_id = torch::tensor({7});
  targets.ignore_boxes = torch::empty({0, 4});
  return targets;
}

model::FrameFeatures frame_of(const std::vector<double>& degrees, const std::vector<std::int64_t>& ids) {
  model::FrameFeatures frame;
  std::vector<Tensor> rows{torch::empty({0, 2}, torch::kDouble)};
  for (const double angle : degrees)
    rows.push_back(torch::tensor({{std::cos(angle * M_PI / 180), std::sin(angle * M_PI / 180)}}, torch::kDouble));
  frame.embedding = torch::cat(rows);
  frame.query = torch::zeros_like(frame.embedding);
  Targets people;
  people.track_id = torch::tensor(ids, torch::kLong);
  const Tensor all = torch::arange(static_cast<std::int64_t>(ids.size()));
  label_frame(frame, {all, all}, people);
  return frame;
}

// Two queries, near and far from the person; two layers, of which the second is right about the near one.
TemporalClip clip_by_hand() {
  TemporalClip clip;
  clip.key = 1;
  clip.window = {frame_of({20, 40}, {7, 9}), frame_of({0}, {7}), frame_of({}, {})};
  const auto poses = [](double x) { return torch::tensor({{{x, 0.5}}, {{0.1, 0.1}}}, torch::kDouble); };
  clip.output.layers = {{torch::zeros({2}, torch::kDouble), poses(0.6)}, {torch::zeros({2}, torch::kDouble), poses(0.5)}};
  clip.targets = person_in_the_middle();
  return clip;
}

TemporalCriterionConfig config_of_one_keypoint() {
  TemporalCriterionConfig config;
  config.sigmas = {0.1};
  return config;
}

TEST(TemporalCriterion, ByHand) {
  const TemporalCriterion criterion(config_of_one_keypoint());
  const LossTerms terms = criterion({clip_by_hand()});
  const auto values = by_name(terms);
  // p = 1/2 for both: alpha (1/2)^2 ln 2 of the matched one, (1 - alpha) (1/2)^2 ln 2 of the other; weight 2, one pair.
  const double scores = 2 * 0.25 * std::log(2.0);
  EXPECT_NEAR(values.at("temporal.loss_cls"), scores, 1e-9);
  EXPECT_NEAR(values.at("temporal.d0.loss_cls"), scores, 1e-9);
  EXPECT_NEAR(values.at("temporal.loss_kpt"), 0, 1e-9);
  EXPECT_NEAR(values.at("temporal.d0.loss_kpt"), 70 * 0.1 / 2, 1e-9);  // 0.1 over two coordinates
  EXPECT_NEAR(values.at("temporal.loss_oks"), 0, 1e-9);
  EXPECT_NEAR(values.at("temporal.d0.loss_oks"), 2 * 100.0 / (8 * 400 * 0.01),
              1e-6);  // 10 pixels: -ln exp(-d^2 / (8 area sigma^2))
  // Anchor 7 at 0 degrees; itself at 20, the other at 40.
  const double consistency = -std::cos(20 * M_PI / 180) + std::cos(40 * M_PI / 180) + 0.3;
  EXPECT_NEAR(values.at("loss_ic"), consistency, 1e-9);
  EXPECT_EQ(values.size(), 7u);
  double sum = 0;
  for (const auto& [name, term] : values) sum += term;
  EXPECT_NEAR(value(terms.total), sum, 1e-9);
  ASSERT_EQ(terms.matches.size(), 1u);
  EXPECT_TRUE(terms.matches[0].query.equal(torch::tensor({0})));
}

TEST(TemporalCriterion, CountsAreThoseOfTheBatch) {
  const TemporalCriterion criterion(config_of_one_keypoint());
  TemporalClip empty = clip_by_hand();  // nobody there: two more backgrounds, no pair
  empty.targets.keypoints = Tensor();
  empty.window[1] = frame_of({}, {});
  const auto one = by_name(criterion({clip_by_hand()})), two = by_name(criterion({clip_by_hand(), clip_by_hand()})),
             mixed = by_name(criterion({clip_by_hand(), empty}));
  for (const auto& [name, term] : one) EXPECT_NEAR(two.at(name), term, 1e-9) << name;
  EXPECT_NEAR(mixed.at("temporal.loss_cls"), one.at("temporal.loss_cls") + 2 * 2 * 0.75 * 0.25 * std::log(2.0), 1e-9);
  EXPECT_NEAR(mixed.at("temporal.d0.loss_kpt"), one.at("temporal.d0.loss_kpt"), 1e-9);
  EXPECT_NEAR(mixed.at("loss_ic"), one.at("loss_ic"), 1e-9);
}

TEST(TemporalCriterion, NobodyKeptNobodyThereOrNoEmbeddingsKeepTheGraph) {
  const TemporalCriterion criterion(config_of_one_keypoint());
  TemporalClip clip = clip_by_hand();
  const Tensor leaf = torch::zeros({1}, torch::requires_grad());
  clip.output.layers = {{leaf.slice(0, 0, 0), leaf.expand({2}).view({1, 1, 2}).slice(0, 0, 0)}};
  const LossTerms terms = criterion({clip});
  EXPECT_EQ(by_name(terms).at("temporal.loss_kpt"), 0);
  EXPECT_EQ(terms.matches[0].query.size(0), 0);
  terms.total.backward();
  EXPECT_EQ(leaf.grad().item<float>(), 0);
  for (model::FrameFeatures& frame : clip.window) frame.embedding = Tensor();
  EXPECT_EQ(by_name(criterion({clip})).count("loss_ic"), 0u);
}

TEST(TemporalCriterion, BystandersAndQualityLabels) {
  TemporalClip clip = clip_by_hand();
  clip.targets.unlabelled_bystanders = true;
  TemporalCriterionConfig config = config_of_one_keypoint();
  EXPECT_NEAR(by_name(TemporalCriterion(config)({clip})).at("temporal.loss_cls"), 2 * 0.25 * 0.25 * std::log(2.0), 1e-9);
  config.class_loss = "quality";  // |1 - p|^2 times the cross-entropy of a perfect pose
  EXPECT_NEAR(by_name(TemporalCriterion(config)({clip})).at("temporal.loss_cls"), 2 * 0.25 * std::log(2.0), 1e-9);
  config.class_loss = "hinge";
  EXPECT_THROW(TemporalCriterion{config}, Error);
  EXPECT_THROW(TemporalCriterion{TemporalCriterionConfig{}}, Error);
}

TEST(TemporalCriterion, GradientsEqualFiniteDifferences) {
  torch::manual_seed(2);
  TemporalCriterionConfig config;
  config.sigmas = {0.1, 0.2, 0.3};
  const TemporalCriterion criterion(config);
  TemporalClip clip = clip_by_hand();
  clip.targets = testing::random_targets(2, 3);
  const Tensor noise = torch::randn({4, 3, 2}, torch::kDouble) * 0.03;
  const Tensor people = torch::cat({clip.targets.keypoints, clip.targets.keypoints}).to(torch::kDouble);
  const Tensor start = torch::cat({torch::randn({4}, torch::kDouble), (people + noise).flatten(),
                                   torch::randn({2 * 2}, torch::kDouble), torch::randn({2 * 1}, torch::kDouble)});
  testing::expect_gradient(
      [&](const Tensor& x) {
        clip.output.layers = {{x.slice(0, 0, 4), x.slice(0, 4, 28).view({4, 3, 2})}};
        clip.window[0].embedding = x.slice(0, 28, 32).view({2, 2});
        clip.window[1].embedding = x.slice(0, 32, 34).view({1, 2});
        return criterion({clip}).total;
      },
      start, 1e-5);
}

TEST(TemporalCriterion, ConfigIsReadFromARecipe) {
  const toml::table document =
      parse_toml_text("instance_weight = 3\nmargin = 0.5\nmatcher = { keypoint_weight = 9 }", "recipe.toml");
  TemporalCriterionConfig config = config_of_one_keypoint();
  TableReader table(document, "recipe.toml: loss");
  read_temporal_criterion_config(table, config);
  EXPECT_EQ(config.instance_weight, 3);
  EXPECT_EQ(config.margin, 0.5);
  EXPECT_EQ(config.matcher.keypoint_weight, 9);
  EXPECT_EQ(config.keypoint_weight, 70);
  const toml::table typing_mistake = parse_toml_text("margn = 0.5", "recipe.toml");
  TableReader mistaken(typing_mistake, "recipe.toml: loss");
  EXPECT_THROW(read_temporal_criterion_config(mistaken, config), Error);
}

TEST(TemporalCriterion, LabelsAreThoseOfTheSpatialMatch) {
  model::FrameFeatures frame;
  frame.query = torch::zeros({4, 2});
  Targets people;
  people.track_id = torch::tensor({11, -1, 13});
  label_frame(frame, {torch::tensor({3, 0}), torch::tensor({0, 1})}, people);
  EXPECT_TRUE(frame.matched.equal(torch::tensor({1, 0, 0, 1}).to(torch::kBool)));
  EXPECT_TRUE(frame.track_id.equal(torch::tensor({-1, -1, -1, 11})));
}

}  // namespace
}  // namespace vepe::loss
