#include "ops/deform_attn.h"

#include <cmath>
#include <limits>

#include <hwy/highway.h>
#include <hwy/targets.h>
#include <torch/torch.h>

#include "core/error.h"
#include "ops/golden_test.h"

namespace vepe::ops {
namespace {

struct Inputs {
  LevelShapes shapes;
  at::Tensor value, locations, weights, grad_output;
};

struct Results {
  at::Tensor output, grad_value, grad_locations, grad_weights;
};

Results run(const Inputs& inputs, at::ScalarType type) {
  const auto leaf = [&](const at::Tensor& tensor) { return tensor.to(type).clone().requires_grad_(); };
  at::Tensor value = leaf(inputs.value), locations = leaf(inputs.locations), weights = leaf(inputs.weights);
  const at::Tensor output = deform_attn(value, inputs.shapes, locations, weights);
  output.backward(inputs.grad_output.to(type));
  return {output.detach(), value.grad(), locations.grad(), weights.grad()};
}

void expect_near(const Results& got, const Results& want, double tolerance) {
  EXPECT_LT(max_difference(got.output, want.output), tolerance);
  EXPECT_LT(max_difference(got.grad_value, want.grad_value), tolerance);
  EXPECT_LT(max_difference(got.grad_locations, want.grad_locations), tolerance * 10);  // times a level's width
  EXPECT_LT(max_difference(got.grad_weights, want.grad_weights), tolerance);
}

Inputs random_inputs(std::int64_t batch, LevelShapes shapes, std::int64_t queries, std::int64_t heads, std::int64_t points,
                     std::int64_t channels, std::uint64_t seed) {
  torch::manual_seed(seed);
  const auto levels = static_cast<std::int64_t>(shapes.size());
  Inputs inputs;
  inputs.value = at::randn({batch, token_count(shapes), heads, channels});
  inputs.locations = at::rand({batch, queries, heads, levels, points, 2}) * 1.4 - 0.2;
  inputs.weights = at::randn({batch, queries, heads, levels * points}).softmax(-1).view({batch, queries, heads, levels, points});
  inputs.grad_output = at::randn({batch, queries, heads * channels});
  inputs.shapes = std::move(shapes);
  return inputs;
}

// Calls `body` once for every instruction set that this machine has.
template <typename Body>
void for_each_target(Body body) {
  hwy::DisableTargets(0);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

class DeformAttnGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(DeformAttnGolden, OutputAndGradientsMatchStoredOnes) {
  const Golden golden(std::string("deform_attn_") + GetParam() + ".safetensors");
  const Inputs inputs{golden.level_shapes(), golden["value"], golden["locations"], golden["weights"], golden["grad_output"]};
  const Results want{golden["output"], golden["grad_value"], golden["grad_locations"], golden["grad_weights"]};
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    SCOPED_TRACE(c10::toString(type));
    const Results got = run(inputs, type);
    EXPECT_LT(max_difference(got.output, want.output), 1e-5);
    EXPECT_LT(max_difference(got.grad_value, want.grad_value), 1e-5);
    EXPECT_LT(max_difference(got.grad_locations, want.grad_locations), 1e-5);
    EXPECT_LT(max_difference(got.grad_weights, want.grad_weights), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, DeformAttnGolden,
                         ::testing::Values("basic", "odd_channels", "outside_and_corners", "pose_17_points", "temporal_3x4_levels"));

}  // namespace
}  // namespace vepe::ops
