#include "loss/dense.h"

#include <map>

#include "core/error.h"
#include "loss/criterion.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::value;

constexpr std::int64_t kKeypoints = 3, kHeight = 16, kWidth = 20;

model::DenseHeads heads(std::int64_t images, const std::function<Tensor(at::IntArrayRef)>& make) {
  return {make({images, 1, kHeight, kWidth}),          make({images, 2 * kKeypoints, kHeight, kWidth}),
          make({images, kKeypoints, kHeight, kWidth}), make({images, 2 * kKeypoints, kHeight, kWidth}),
          make({images, 2, kHeight, kWidth}),          make({images, 2, kHeight, kWidth})};
}

// One person on an 80 x 64 image: box 10..30 x 8..50, keypoints at (14, 12), (27, 42) and an invisible one.
Targets one_person() {
  Targets targets;
  targets.width = 80;
  targets.height = 64;
  targets.keypoints = torch::tensor({{{14.0 / 80, 12.0 / 64}, {27.0 / 80, 42.0 / 64}, {0.0, 0.0}}}, torch::kFloat);
  targets.visible = torch::tensor({1, 1, 0}).to(torch::kBool).unsqueeze(0);
  targets.boxes = torch::tensor({{10.0F, 8.0F, 30.0F, 50.0F}});
  targets.area = torch::tensor({500.0F});
  return targets;
}

std::map<std::string, double> values_of(const std::vector<std::pair<std::string, Tensor>>& terms) {
  std::map<std::string, double> values;
  for (const auto& [name, term] : terms) values[name] = value(term);
  return values;
}

TEST(DenseTargets, ByHand) {
  const DenseTargets wanted = dense_targets({one_person()}, kKeypoints, kHeight, kWidth, {});
  // Box centre (y 29, x 20) pixels = (7.25, 5) cells.
  EXPECT_EQ(value(wanted.center[0][0][7][5]), 1);
  EXPECT_EQ(value((wanted.center == 1).sum()), 1);
  EXPECT_EQ(value(wanted.box_offset.value[0][0]), 0.25);
  EXPECT_EQ(value(wanted.box_offset.value[0][1]), 0);
  EXPECT_EQ(value(wanted.box_size.value[0][0]), 10.5);
  EXPECT_EQ(value(wanted.box_size.value[0][1]), 5);
  // Keypoint 0 at (3, 3.5) cells, keypoint 1 at (10.5, 6.75).
  ASSERT_EQ(wanted.kpt_regression.value.size(0), 2);
  EXPECT_TRUE(torch::allclose(wanted.kpt_regression.value, torch::tensor({{-4.0F, -1.5F}, {3.5F, 1.75F}}), 1e-5, 1e-5));
  EXPECT_EQ(value(wanted.kpt_heatmap[0][0][3][3]), 1);
  EXPECT_EQ(value(wanted.kpt_heatmap[0][1][10][6]), 1);
  EXPECT_EQ(value(wanted.kpt_heatmap[0][2].abs().max()), 0);
  // Offsets in the 3 x 3 cells around both keypoints; the first entry is the cell up left of (3, 3).
  ASSERT_EQ(wanted.kpt_offset.value.size(0), 18);
  EXPECT_EQ(value(wanted.kpt_offset.y[0]), 2);
  EXPECT_EQ(value(wanted.kpt_offset.x[0]), 2);
  EXPECT_TRUE(torch::allclose(wanted.kpt_offset.value[0], torch::tensor({1.0F, 1.5F}), 1e-5, 1e-5));
}

TEST(DenseTargets, CenterIsAChoice) {
  Targets targets = one_person();
  DenseLossConfig config;
  config.torso = {1, 2};
  const auto center = [&](const std::string& choice) {
    config.center = choice;
    const Tensor cell = (dense_targets({targets}, kKeypoints, kHeight, kWidth, config).center == 1).nonzero()[0];
    return std::pair<double, double>{value(cell[2]), value(cell[3])};
  };
  EXPECT_EQ(center("box"), (std::pair<double, double>{7, 5}));
  EXPECT_EQ(center("torso"), (std::pair<double, double>{10, 6}));     // keypoint 1; keypoint 2 is invisible
  EXPECT_EQ(center("keypoints"), (std::pair<double, double>{6, 5}));  // (6.75, 5.125)
  config.torso = {2};
  EXPECT_EQ(center("torso"), (std::pair<double, double>{7, 5}));  // nothing visible: the box
  config.center = "nose";
  EXPECT_THROW(dense_targets({targets}, kKeypoints, kHeight, kWidth, config), Error);
}

TEST(DenseTargets, OfTwoKeypointsTheNearerOneTeachesACell) {
  Targets targets = one_person();
  for (Tensor* values : {&targets.keypoints, &targets.visible, &targets.boxes, &targets.area})
    *values = torch::cat({*values, *values});
  targets.keypoints[1][0][0] += 3.2 / 80;  // keypoint 0 of the second person 0.8 cells to the right: (3, 4.3)
  const DenseTargets wanted = dense_targets({targets}, kKeypoints, kHeight, kWidth, {});
  const auto offset_at = [&](std::int64_t y, std::int64_t x) {
    const Tensor found = ((wanted.kpt_offset.pair == 0) & (wanted.kpt_offset.y == y) & (wanted.kpt_offset.x == x)).nonzero();
    EXPECT_EQ(found.numel(), 1);
    return value(wanted.kpt_offset.value[found[0][0].item<std::int64_t>()][1]);
  };
  EXPECT_NEAR(offset_at(3, 3), 0.5, 1e-5);
  EXPECT_NEAR(offset_at(3, 4), 0.3, 1e-5);
  EXPECT_NEAR(offset_at(3, 5), -0.7, 1e-5);
}

TEST(DenseLoss, IsZeroForPerfectRegressions) {
  const Targets targets = one_person();
  model::DenseHeads answer = heads(1, [](at::IntArrayRef shape) { return torch::zeros(shape); });
  const DenseTargets wanted = dense_targets({targets}, kKeypoints, kHeight, kWidth, {});
  const auto write = [](Tensor& map, const CellTargets& cells) {
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      map.index_put_({cells.image, 2 * cells.pair + axis, cells.y, cells.x}, cells.value.select(1, axis));
    }
  };
  write(answer.kpt_regression, wanted.kpt_regression);
  write(answer.kpt_offset, wanted.kpt_offset);
  write(answer.box_size, wanted.box_size);
  write(answer.box_offset, wanted.box_offset);
  answer.center = torch::where(wanted.center == 1, 20.0, -20.0);
  answer.kpt_heatmap = torch::where(wanted.kpt_heatmap == 1, 20.0, -20.0);
  for (const auto& [name, got] : values_of(dense_loss(answer, {targets}, {}))) EXPECT_NEAR(got, 0, 1e-5) << name;
}

TEST(DenseLoss, ByHand) {
  const model::DenseHeads zero = heads(1, [](at::IntArrayRef shape) { return torch::zeros(shape); });
  const auto got = values_of(dense_loss(zero, {one_person()}, {}));
  EXPECT_NEAR(got.at("kpt_regression"), 0.1 * (4 + 1.5 + 3.5 + 1.75) / 4, 1e-6);
  EXPECT_NEAR(got.at("box_size"), 0.1 * (10.5 + 5) / 2, 1e-6);
  EXPECT_NEAR(got.at("box_offset"), 0.125, 1e-6);
  // |dy|: 1, 0, 1 around y = 3 and 1.5, 0.5, 0.5 around 10.5; |dx|: 1.5, 0.5, 0.5 around 3.5 and 1.75, 0.75, 0.25 around
  // 6.75; each three times, mean over 36 coordinates.
  EXPECT_NEAR(got.at("kpt_offset"), 3 * (2 + 2.5 + 2.5 + 2.75) / 36, 1e-6);
}

TEST(DenseLoss, IgnoreBoxesAndBystandersAreNotPunished) {
  const auto make_heads = [] { return heads(1, [](at::IntArrayRef shape) { return torch::zeros(shape).requires_grad_(true); }); };
  const auto gradient = [&](const Targets& targets) {
    const model::DenseHeads zero = make_heads();
    for (const auto& [name, term] : dense_loss(zero, {targets}, {})) {
      if (name == "center") term.backward();
    }
    return zero.center.grad()[0][0];
  };
  Targets targets = one_person();
  EXPECT_GT(value(gradient(targets)[1][18]), 0);
  targets.ignore_boxes = torch::tensor({{60.0F, 0.0F, 80.0F, 20.0F}});  // columns 15..19, rows 0..4
  const Tensor ignored = gradient(targets);
  EXPECT_EQ(value(ignored.slice(0, 0, 5).slice(1, 15, 20).abs().max()), 0);
  EXPECT_GT(value(ignored[5][18]), 0);
  EXPECT_GT(value(ignored[1][14]), 0);
  targets.unlabelled_bystanders = true;
  const Tensor alone = gradient(targets);
  EXPECT_LT(value(alone[7][5]), 0);
  EXPECT_EQ(alone.nonzero().size(0), 1);
}

TEST(DenseLoss, NobodyThereKeepsTheGraph) {
  const model::DenseHeads some = heads(2, [](at::IntArrayRef shape) { return torch::randn(shape).requires_grad_(true); });
  Tensor total = torch::zeros({});
  for (const auto& [name, term] : dense_loss(some, {{.width = 80, .height = 64}, {.width = 80, .height = 64}}, {}))
    total = total + term;
  total.backward();
  for (const Tensor& map : {some.center, some.kpt_regression, some.kpt_heatmap, some.kpt_offset, some.box_size, some.box_offset}) {
    ASSERT_TRUE(map.grad().defined());
    EXPECT_TRUE(map.grad().isfinite().all().item<bool>());
  }
  EXPECT_GT(value(some.center.grad().abs().min()), 0);
  EXPECT_EQ(value(some.kpt_regression.grad().abs().max()), 0);
}

TEST(DenseLoss, PersonsOutsideTheMapAreLeftOut) {
  Targets targets = one_person();
  targets.boxes = torch::tensor({{70.0F, 8.0F, 130.0F, 50.0F}});  // centre at x = 100 of an 80 pixel map
  const DenseTargets wanted = dense_targets({targets}, kKeypoints, kHeight, kWidth, {});
  EXPECT_EQ(value(wanted.center.abs().max()), 0);
  EXPECT_EQ(wanted.box_size.value.size(0), 0);
  EXPECT_EQ(wanted.kpt_offset.value.size(0), 18);
}

TEST(DenseLoss, GradientIsTheSlope) {
  torch::manual_seed(21);
  const Targets targets = one_person();
  const model::DenseHeads fixed = heads(1, [](at::IntArrayRef shape) { return torch::randn(shape, torch::kDouble); });
  for (Tensor model::DenseHeads::*map :
       {&model::DenseHeads::center, &model::DenseHeads::box_size, &model::DenseHeads::box_offset}) {
    testing::expect_gradient(
        [&](const Tensor& moved) {
          model::DenseHeads changed = fixed;
          changed.*map = moved;
          Tensor total = torch::zeros({}, torch::kDouble);
          for (const auto& [name, term] : dense_loss(changed, {targets}, {})) total = total + term;
          return total;
        },
        fixed.*map);
  }
}

TEST(DenseLoss, IsPartOfTheCriterionWhenEnabled) {
  torch::manual_seed(22);
  CriterionConfig config;
  config.sigmas = std::vector<double>(kKeypoints, 0.1);
  model::SpatialOutput out;
  out.pose_layers.push_back({{}, torch::randn({1, 5}), torch::rand({1, 5, kKeypoints, 2})});
  out.proposals.dense = heads(1, [](at::IntArrayRef shape) { return torch::randn(shape); });
  EXPECT_EQ(Criterion(config)(out, {one_person()}, {}).terms.size(), 3U);
  config.dense.enabled = true;
  const LossTerms with = Criterion(config)(out, {one_person()}, {});
  ASSERT_EQ(with.terms.size(), 9U);
  EXPECT_EQ(with.terms[3].first, "dense.center");
  double sum = 0;
  for (const auto& [name, term] : with.terms) sum += value(term);
  EXPECT_NEAR(value(with.total), sum, 1e-4 * sum);
}

}  // namespace
}  // namespace vepe::loss
