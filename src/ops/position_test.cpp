#include "ops/position.h"

#include <cmath>
#include <limits>

#include <torch/torch.h>

#include "core/error.h"
#include "ops/golden_test.h"

namespace vepe::ops {
namespace {

// [B, C, H, W] of the stored files to token layout.
at::Tensor tokens_of(const at::Tensor& map) { return map.flatten(2).transpose(1, 2); }

TEST(SinePosition, MatchesStoredEncodings) {
  const Golden golden("sine_position.safetensors");
  for (const char* index : {"0", "1", "2"}) {
    SCOPED_TRACE(index);
    const at::Tensor want = tokens_of(golden[std::string("position") + index]);
    const at::Tensor got = sine_position(golden[std::string("mask") + index].to(at::kBool), want.size(2));
    EXPECT_LT(max_difference(got, want), 1e-5);
  }
}

TEST(SinePosition, MatchesAPaddedBatch) {
  const Golden golden("petr_positions.safetensors");
  for (const char* level : {"level0", "level1", "level2", "level3"}) {
    SCOPED_TRACE(level);
    const at::Tensor want = tokens_of(golden[std::string("position.") + level]);
    EXPECT_LT(max_difference(sine_position(golden[std::string("mask.") + level].to(at::kBool), want.size(2)), want), 1e-5);
  }
}

TEST(SinePosition, RefusesChannelsThatDoNotSplit) {
  EXPECT_THROW(sine_position(at::zeros({1, 2, 2}, at::kBool), 6), Error);
  EXPECT_THROW(sine_position(at::zeros({2, 2}, at::kBool), 8), Error);
}

TEST(ReferencePoints, MatchStoredRatiosAndPoints) {
  const Golden golden("petr_positions.safetensors");
  std::vector<at::Tensor> masks;
  LevelShapes shapes;
  for (const char* level : {"level0", "level1", "level2", "level3"}) {
    masks.push_back(golden[std::string("mask.") + level].to(at::kBool));
    shapes.push_back({masks.back().size(1), masks.back().size(2)});
  }
  const at::Tensor ratios = valid_ratios(masks);
  EXPECT_LT(max_difference(ratios, golden["valid_ratios"]), 1e-6);
  EXPECT_LT(max_difference(encoder_reference_points(shapes, ratios), golden["encoder.reference_points"]), 1e-6);
}

TEST(ReferencePoints, CellCentresOfAnUnpaddedLevelAreHalfCells) {
  const at::Tensor centres = cell_centres({{2, 4}}, at::ones({1, 1, 2}));
  EXPECT_LT(max_difference(centres[0][5], at::tensor({0.375F, 0.75F})), 1e-7);
}

TEST(InverseSigmoid, InvertsSigmoidAndClampsBothEnds) {
  const at::Tensor logit = at::linspace(-8, 8, 33, at::kDouble);
  EXPECT_LT(max_difference(inverse_sigmoid(logit.sigmoid()), logit), 1e-9);
  const double edge = std::log(1 / 1e-5);
  const at::Tensor ends = inverse_sigmoid(at::tensor({0.0, 1.0, -3.0, 7.0, 1e-9}, at::kDouble));
  EXPECT_LT(max_difference(ends, at::tensor({-edge, edge, -edge, edge, -edge + 1e-9}, at::kDouble)), 1e-6);
}

TEST(InverseSigmoid, HasFiniteGradientsEverywhere) {
  at::Tensor p = at::tensor({0.0, 1e-7, 0.25, 1.0, 2.0}, at::kDouble).requires_grad_();
  inverse_sigmoid(p).sum().backward();
  EXPECT_TRUE(at::isfinite(p.grad()).all().item<bool>());
  EXPECT_NEAR(p.grad()[2].item<double>(), 1 / (0.25 * 0.75), 1e-9);
}

}  // namespace
}  // namespace vepe::ops
