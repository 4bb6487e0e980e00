// Single loss terms: reference values and gradients, values by hand, finite differences.

#include <cmath>

#include <fstream>
#include <nlohmann/json.hpp>

#include "loss/focal.h"
#include "loss/heatmap.h"
#include "loss/keypoint_l1.h"
#include "loss/oks.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::expect_gradient;
using testing::golden;
using testing::tensor;
using testing::value;

void expect_close(const Tensor& got, const Tensor& want, double relative) {
  const double scale = value(want.abs().max());
  EXPECT_LE(value((got - want).abs().max()), relative * scale) << got << want;
}

TEST(Focal, AgreesWithTheReference) {
  const SafetensorsFile file = golden("focal_loss.safetensors");
  const Tensor logit = tensor(file, "logit").requires_grad_(true);
  const Tensor target = (tensor(file, "label_0_is_person_1_is_background") == 0).to(torch::kFloat).unsqueeze(1);
  const Tensor loss = 2 * sigmoid_focal(logit, target, 0.25, 2).sum() / 3;
  EXPECT_NEAR(value(loss), value(tensor(file, "loss")), 1e-5 * value(loss));
  loss.backward();
  expect_close(logit.grad(), tensor(file, "grad_logit"), 1e-5);
}

TEST(Focal, ByHand) {
  // p = 0.5: 0.25 * 0.25 * ln 2 on a person, 0.75 * 0.25 * ln 2 on background.
  const Tensor loss = sigmoid_focal(torch::zeros({2}), torch::tensor({1.0F, 0.0F}), 0.25, 2);
  EXPECT_NEAR(value(loss[0]), 0.0625 * std::log(2), 1e-6);
  EXPECT_NEAR(value(loss[1]), 0.1875 * std::log(2), 1e-6);
}

TEST(Focal, StaysFiniteAtExtremeLogits) {
  const Tensor logit = torch::tensor({-200.0F, 200.0F, -200.0F, 200.0F}).requires_grad_(true);
  const Tensor target = torch::tensor({1.0F, 1.0F, 0.0F, 0.0F});
  const Tensor loss = sigmoid_focal(logit, target, 0.25, 2);
  loss.sum().backward();
  EXPECT_TRUE(loss.isfinite().all().item<bool>());
  EXPECT_TRUE(logit.grad().isfinite().all().item<bool>());
  EXPECT_NEAR(value(loss[0]), 0.25 * 200, 1e-3);
  EXPECT_EQ(value(loss[1]), 0);
}

TEST(Focal, GradientIsTheSlope) {
  torch::manual_seed(1);
  const Tensor target = torch::tensor({1.0, 0.0, 1.0, 0.0, 0.0, 1.0}, torch::kDouble);
  expect_gradient([&](const Tensor& x) { return sigmoid_focal(x, target, 0.25, 2).sum(); }, torch::randn({6}));
  expect_gradient([&](const Tensor& x) { return sigmoid_focal(x, target, 0.4, 1.5).sum(); }, torch::randn({6}));
}

TEST(QualityFocal, ByHandAndItsMinimumIsTheTarget) {
  // p = 0.5, target 0.9: 0.4^2 * (0.9 + 0.1) ln 2.
  const Tensor target = torch::tensor({0.9F});
  EXPECT_NEAR(value(quality_focal(torch::zeros({1}), target, 2)), 0.16 * std::log(2), 1e-6);
  EXPECT_NEAR(value(quality_focal(torch::zeros({1}), target, 0)), std::log(2), 1e-6);
  EXPECT_NEAR(value(quality_focal(torch::logit(target), target, 2)), 0, 1e-9);
  const Tensor soft = torch::tensor({0.0, 0.3, 0.9}, torch::kDouble), logit = torch::tensor({0.4, 1.2, -0.7}, torch::kDouble);
  expect_gradient([&](const Tensor& x) { return quality_focal(x, soft, 2).sum(); }, logit);
  expect_gradient([&](const Tensor& x) { return quality_focal(x, soft, 0).sum(); }, logit);
}

TEST(Oks, LossAgreesWithTheReference) {
  const SafetensorsFile file = golden("oks_loss.safetensors");
  const Tensor predicted = tensor(file, "pred").requires_grad_(true);  // [4, 34], pixels
  const Tensor similarity = oks(predicted.view({4, 17, 2}), tensor(file, "target").view({4, 17, 2}), tensor(file, "valid"),
                                tensor(file, "area"), torch::ones({1, 2}), torch::tensor(testing::coco_sigmas(), torch::kFloat));
  const Tensor loss = 2 * oks_loss(similarity).sum() / 3;
  EXPECT_NEAR(value(loss), value(tensor(file, "loss")), 1e-5 * value(loss));
  loss.backward();
  expect_close(predicted.grad(), tensor(file, "grad_pred"), 1e-4);
}

TEST(Oks, ByHand) {
  // Image 200 x 100, error (0.01, 0.02) = (2, 2) pixels: d^2 = 8; sigma 0.1, area 100: 2 * 100 * 0.04 = 8. One of two is seen.
  const Tensor truth = torch::full({2, 2}, 0.5), predicted = truth + torch::tensor({0.01F, 0.02F});
  const Tensor visible = torch::tensor({1.0F, 0.0F}), size = torch::tensor({{200.0F, 100.0F}});
  const Tensor similarity = oks(predicted, truth, visible, torch::tensor(100.0F), size, torch::tensor({0.1F, 0.1F}));
  EXPECT_NEAR(value(similarity), std::exp(-1), 1e-5);
  EXPECT_NEAR(value(oks_loss(similarity)), 1, 1e-4);
}

TEST(Oks, LossIsFlatBelowItsFloor) {
  const Tensor predicted = torch::tensor({{0.9, 0.9}}, torch::kDouble).requires_grad_(true);
  const Tensor loss = oks_loss(oks(predicted, torch::zeros({1, 2}, torch::kDouble), torch::ones({1}, torch::kDouble),
                                   torch::tensor(10.0, torch::kDouble), torch::full({1, 2}, 500.0, torch::kDouble),
                                   torch::tensor({0.05}, torch::kDouble)));
  loss.backward();
  EXPECT_NEAR(value(loss), -std::log(1e-6), 1e-9);
  EXPECT_EQ(value(predicted.grad().abs().max()), 0);
}

TEST(Oks, GradientIsTheSlope) {
  torch::manual_seed(2);
  const Tensor truth = torch::rand({3, 4, 2}, torch::kDouble), visible = torch::ones({3, 4}, torch::kDouble);
  visible[1][2] = 0;
  const Tensor area = torch::tensor({3000.0, 5000.0, 2000.0}, torch::kDouble), sigma = torch::full({4}, 0.1, torch::kDouble);
  const Tensor size = torch::tensor({{{160.0, 128.0}}}, torch::kDouble);
  const Tensor start = truth + 0.02 * torch::randn({3, 4, 2}, torch::kDouble);
  expect_gradient([&](const Tensor& x) { return oks_loss(oks(x, truth, visible, area, size, sigma)).sum(); }, start, 1e-5);
}

TEST(KeypointL1, ByHandAndGradient) {
  const Tensor truth = torch::tensor({{0.5, 0.5}, {0.0, 0.0}}, torch::kDouble), visible = torch::tensor({1.0, 0.0}, torch::kDouble);
  const Tensor predicted = torch::tensor({{0.4, 0.7}, {0.9, 0.9}}, torch::kDouble);
  EXPECT_NEAR(value(keypoint_l1(predicted, truth, visible)), 0.3, 1e-12);
  expect_gradient([&](const Tensor& x) { return keypoint_l1(x, truth, visible); }, predicted);
}

TEST(Heatmap, LossAgreesWithTheReference) {
  const SafetensorsFile file = golden("heatmap_loss.safetensors");
  const Tensor logit = tensor(file, "logit").requires_grad_(true);
  const Tensor real = (tensor(file, "padding_mask") == 0).to(torch::kFloat).unsqueeze(1);
  const HeatmapLoss loss = heatmap_focal(logit, tensor(file, "target"), real);
  const Tensor weighted = 4 * loss.sum / std::max(1.0, loss.positives);
  EXPECT_NEAR(value(weighted), value(tensor(file, "loss")), 1e-5 * value(weighted));
  weighted.backward();
  expect_close(logit.grad(), tensor(file, "grad_logit"), 1e-5);
}

TEST(Heatmap, ByHand) {
  // p = 0.5 everywhere: a peak costs 0.25 ln 2, background 0.25 ln 2, a cell with target 0.5 a sixteenth of that.
  const Tensor target = torch::tensor({1.0F, 0.0F, 0.5F, 0.0F}).view({1, 1, 2, 2});
  const Tensor background = torch::tensor({1.0F, 1.0F, 1.0F, 0.0F}).view({1, 1, 2, 2});
  const HeatmapLoss loss = heatmap_focal(torch::zeros({1, 1, 2, 2}), target, background);
  EXPECT_EQ(loss.positives, 1);
  EXPECT_NEAR(value(loss.sum), 0.25 * std::log(2) * (2 + 1.0 / 16), 1e-6);
}

TEST(Heatmap, GradientIsTheSlope) {
  torch::manual_seed(3);
  const Tensor target = torch::rand({1, 2, 3, 3}, torch::kDouble);
  target[0][0][1][1] = 1;
  expect_gradient([&](const Tensor& x) { return heatmap_focal(x, target, {}).sum; }, torch::randn({1, 2, 3, 3}));
}

TEST(Heatmap, RadiusAgreesWithTheReference) {
  std::ifstream file(std::string(VEPE_SOURCE_DIR) + "/tests/data/loss/gaussian_radius.json");
  const auto rows = nlohmann::json::parse(file).at("gaussian_radius_min_overlap_0_9_clamped_0_3");
  ASSERT_GE(rows.size(), 6U);
  for (const auto& row : rows) {
    const double radius = gaussian_radius(row[0].get<double>(), row[1].get<double>(), 0.9);
    EXPECT_EQ(std::clamp(std::floor(radius), 0.0, 3.0), row[2].get<double>()) << row;
  }
}

TEST(Heatmap, RadiusIsSymmetricAndGrows) {
  EXPECT_EQ(gaussian_radius(20, 10, 0.7), gaussian_radius(10, 20, 0.7));
  EXPECT_LT(gaussian_radius(10, 10, 0.7), gaussian_radius(20, 20, 0.7));
  EXPECT_LT(gaussian_radius(20, 20, 0.9), gaussian_radius(20, 20, 0.7));
  EXPECT_EQ(gaussian_radius(0, 0, 0.7), 0);
}

TEST(Heatmap, GaussianIsCutAtTheBorderAndTakesTheMaximum) {
  std::vector<float> map(5 * 4, 0);
  draw_gaussian(map.data(), 5, 4, 0, 0, 1);
  draw_gaussian(map.data(), 5, 4, 0, 1, 1);
  const float beside = std::exp(-2.0F);  // sigma 0.5
  EXPECT_FLOAT_EQ(map[0], 1);
  EXPECT_FLOAT_EQ(map[1], 1);
  EXPECT_FLOAT_EQ(map[2], beside);
  EXPECT_FLOAT_EQ(map[4], beside);
  EXPECT_FLOAT_EQ(map[3], 0);
  EXPECT_FLOAT_EQ(map[8], 0);
  const std::vector<float> before = map;
  draw_gaussian(map.data(), 5, 4, -3, 9, 1);
  EXPECT_EQ(map, before);
}

TEST(Heatmap, IgnoreBoxesAndBystandersAreNoBackground) {
  std::vector<Targets> targets(3);
  EXPECT_FALSE(background_cells(targets, 4, 4, 8).defined());
  targets[0].ignore_boxes = torch::tensor({{9.0F, 0.0F, 16.0F, 100.0F}});  // column 1, all rows
  targets[2].unlabelled_bystanders = true;
  const Tensor cells = background_cells(targets, 4, 4, 8);
  EXPECT_EQ(value(cells[0].sum()), 12);
  EXPECT_EQ(value(cells[0][0].select(1, 1).sum()), 0);
  EXPECT_EQ(value(cells[1].sum()), 16);
  EXPECT_EQ(value(cells[2].sum()), 0);
}

}  // namespace
}  // namespace vepe::loss
