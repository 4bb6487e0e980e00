#include "ops/deform_attn.h"

#include <functional>
#include <limits>
#include <utility>

#include <hwy/highway.h>
#include <hwy/targets.h>
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "core/error.h"
#include "ops/deform_attn_reference.h"
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

// The plain loops in float: they place points on cells exactly as the kernel does, which double would not.
Results reference(const Inputs& inputs) {
  DeformAttnSizes sizes;
  sizes.batch = inputs.value.size(0);
  sizes.tokens = inputs.value.size(1);
  sizes.heads = inputs.value.size(2);
  sizes.channels = inputs.value.size(3);
  sizes.queries = inputs.locations.size(1);
  sizes.points = inputs.locations.size(4);
  std::int64_t start = 0;
  for (const LevelShape& shape : inputs.shapes) {
    sizes.levels.push_back({start, shape.height, shape.width});
    start += shape.height * shape.width;
  }
  const float *value = inputs.value.data_ptr<float>(), *locations = inputs.locations.data_ptr<float>();
  const float* weights = inputs.weights.data_ptr<float>();
  Results results{at::empty_like(inputs.grad_output), at::empty_like(inputs.value), at::empty_like(inputs.locations),
                  at::empty_like(inputs.weights)};
  deform_attn_reference_forward(sizes, value, locations, weights, results.output.data_ptr<float>());
  deform_attn_reference_backward(sizes, value, locations, weights, inputs.grad_output.data_ptr<float>(),
                                 results.grad_value.data_ptr<float>(), results.grad_locations.data_ptr<float>(),
                                 results.grad_weights.data_ptr<float>());
  return results;
}

// Sums of up to a few hundred products in another order: relative to the largest element.
void expect_close(const at::Tensor& got, const at::Tensor& want, const char* name) {
  if (want.numel() == 0) return;
  EXPECT_LT(max_difference(got, want), 5e-6 * std::max(1.0, want.abs().max().item<double>())) << name;
}

void expect_close(const Results& got, const Results& want) {
  expect_close(got.output, want.output, "output");
  expect_close(got.grad_value, want.grad_value, "grad_value");
  expect_close(got.grad_locations, want.grad_locations, "grad_locations");
  expect_close(got.grad_weights, want.grad_weights, "grad_weights");
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
                         ::testing::Values("basic", "odd_channels", "outside_and_corners", "pose_17_points",
                                           "temporal_3x4_levels"));

// Sizes around every vector length, with few queries (rows read in place) and many (rows packed).
TEST(DeformAttn, KernelMatchesReferenceAtEverySizeOnEveryTarget) {
  const LevelShapes grids[] = {{{1, 1}}, {{7, 5}, {3, 2}}, {{1, 9}, {6, 1}, {4, 4}}};
  for_each_target([&] {
    for (const std::int64_t channels : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 32, 33, 48, 64, 65, 80}) {
      for (const std::int64_t queries : {1, 70}) {
        for (const LevelShapes& shapes : grids) {
          const std::int64_t points = 1 + (channels + queries) % 7;  // 1 to 7 points a level: odd sums over levels
          SCOPED_TRACE(::testing::Message() << channels << " channels, " << queries << " queries, " << shapes.size() << " levels, "
                                            << points << " points");
          const Inputs inputs = random_inputs(2, shapes, queries, 3, points, channels, 7);
          expect_close(run(inputs, at::kFloat), reference(inputs));
        }
      }
    }
  });
}

TEST(DeformAttn, BFloat16ValuesMatchReferenceOnTheirWidenedValuesOnEveryTarget) {
  for_each_target([&] {
    for (const std::int64_t channels : {1, 3, 8, 12, 16, 21, 32, 40}) {
      for (const std::int64_t queries : {2, 65}) {
        SCOPED_TRACE(::testing::Message() << channels << " channels, " << queries << " queries");
        Inputs inputs = random_inputs(1, {{5, 6}, {3, 3}}, queries, 2, 4, channels, 11);
        const at::Tensor value = inputs.value.to(at::kBFloat16);
        inputs.value = value.to(at::kFloat);
        expect_close(deform_attn(value, inputs.shapes, inputs.locations, inputs.weights), reference(inputs).output, "output");
      }
    }
  });
}

TEST(DeformAttn, GradientsMatchFiniteDifferences) {
  Inputs inputs = random_inputs(1, {{3, 4}, {2, 3}}, 2, 2, 3, 3, 5);
  for (at::Tensor* tensor : {&inputs.value, &inputs.locations, &inputs.weights, &inputs.grad_output})
    *tensor = tensor->to(at::kDouble);
  const Results results = run(inputs, at::kDouble);
  const double step = 1e-6;
  const auto loss = [&] {
    return (deform_attn(inputs.value, inputs.shapes, inputs.locations, inputs.weights) * inputs.grad_output).sum().item<double>();
  };
  const auto check = [&](const at::Tensor& input, const at::Tensor& gradient, const char* name) {
    double* at = input.data_ptr<double>();
    for (std::int64_t i = 0; i < input.numel(); ++i) {
      const double before = at[i];
      at[i] = before + step;
      const double above = loss();
      at[i] = before - step;
      const double below = loss();
      at[i] = before;
      EXPECT_NEAR(gradient.contiguous().data_ptr<double>()[i], (above - below) / (2 * step), 1e-7) << name << " " << i;
    }
  };
  check(inputs.value, results.grad_value, "value");
  check(inputs.locations, results.grad_locations, "locations");
  check(inputs.weights, results.grad_weights, "weights");
}

TEST(DeformAttn, LocationsThatAreNotFiniteOrFarAwayContributeNothing) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       1e30F,
                       -1e30F,
                       std::numeric_limits<float>::max(),
                       3e9F,
                       -2.0F};
  for_each_target([&] {
    for (const auto& [queries, axis] : {std::pair<std::int64_t, std::int64_t>{2, 0}, {2, 1}, {40, 0}, {40, 1}}) {
      Inputs inputs = random_inputs(1, {{4, 5}, {2, 2}}, queries, 2, 4, 12, 3);
      Inputs without = inputs;
      without.weights = inputs.weights.clone();
      inputs.locations = inputs.locations.clone();
      for (std::size_t i = 0; i < std::size(bad); ++i) {
        const auto head = static_cast<std::int64_t>(i % 2), level = static_cast<std::int64_t>(i / 2 % 2),
                   point = static_cast<std::int64_t>(i / 4);
        inputs.locations[0][1][head][level][point][axis] = bad[i];
        without.weights[0][1][head][level][point] = 0;
      }
      const Results got = run(inputs, at::kFloat), want = run(without, at::kFloat);
      expect_close(got.output, want.output, "output");
      expect_close(got.grad_value, want.grad_value, "grad_value");
      const at::Tensor dropped = without.weights == 0;
      EXPECT_EQ(got.grad_weights.masked_select(dropped).abs().max().item<float>(), 0);
      EXPECT_EQ(got.grad_locations.masked_select(dropped.unsqueeze(-1)).abs().max().item<float>(), 0);
      EXPECT_TRUE(at::isfinite(got.grad_locations).all().item<bool>());
      const Results in_double = run(inputs, at::kDouble);
      EXPECT_LT(max_difference(in_double.output, want.output), 1e-5);
      EXPECT_TRUE(at::isfinite(in_double.grad_locations).all().item<bool>());
    }
  });
}

TEST(DeformAttn, IsTheSameToTheLastBitAtAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const std::int64_t queries : {3, 200}) {
    const Inputs inputs = random_inputs(2, {{9, 7}, {4, 3}}, queries, 5, 3, 12, 19);
    at::set_num_threads(1);
    const Results one = run(inputs, at::kFloat);
    for (const int threads : {1, 2, 3, 8}) {
      SCOPED_TRACE(threads);
      at::set_num_threads(threads);
      const Results more = run(inputs, at::kFloat);
      EXPECT_TRUE(at::equal(one.output, more.output));
      EXPECT_TRUE(at::equal(one.grad_value, more.grad_value));
      EXPECT_TRUE(at::equal(one.grad_locations, more.grad_locations));
      EXPECT_TRUE(at::equal(one.grad_weights, more.grad_weights));
    }
  }
  at::set_num_threads(before);
}

TEST(DeformAttn, TakesViewsAndSkipsGradientsNobodyAskedFor) {
  const Inputs inputs = random_inputs(2, {{4, 3}}, 5, 2, 2, 8, 23);
  const at::Tensor value = inputs.value.transpose(1, 2).contiguous().transpose(1, 2);
  ASSERT_FALSE(value.is_contiguous());
  at::Tensor locations = inputs.locations.clone().requires_grad_();
  const at::Tensor output = deform_attn(value, inputs.shapes, locations, inputs.weights);
  output.backward(inputs.grad_output);
  const Results want = reference(inputs);
  expect_close(output, want.output, "output");
  expect_close(locations.grad(), want.grad_locations, "grad_locations");

  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(deform_attn(value, inputs.shapes, locations, inputs.weights).requires_grad());
}

TEST(DeformAttn, TrainsOnBFloat16ValuesWithGradientsOfTheirType) {
  Inputs inputs = random_inputs(1, {{4, 3}, {2, 2}}, 6, 2, 2, 8, 29);
  at::Tensor value = inputs.value.to(at::kBFloat16).requires_grad_();
  at::Tensor locations = inputs.locations.to(at::kBFloat16).requires_grad_();
  deform_attn(value, inputs.shapes, locations, inputs.weights).backward(inputs.grad_output);
  inputs.value = value.detach().to(at::kFloat);
  inputs.locations = locations.detach().to(at::kFloat);
  const Results want = reference(inputs);
  ASSERT_EQ(value.grad().scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::allclose(value.grad().to(at::kFloat), want.grad_value, 1e-2, 1e-5));  // bfloat16 keeps 8 bits
  EXPECT_TRUE(at::allclose(locations.grad().to(at::kFloat), want.grad_locations, 1e-2, 1e-5));
}

TEST(DeformAttn, EmptyInputsGiveEmptyOrZeroOutputs) {
  const LevelShapes shapes = {{2, 2}};
  EXPECT_EQ(deform_attn(at::ones({1, 4, 2, 8}), shapes, at::ones({1, 0, 2, 1, 3, 2}), at::ones({1, 0, 2, 1, 3})).sizes(),
            at::IntArrayRef({1, 0, 16}));
  EXPECT_EQ(deform_attn(at::ones({0, 4, 2, 8}), shapes, at::ones({0, 5, 2, 1, 3, 2}), at::ones({0, 5, 2, 1, 3})).sizes(),
            at::IntArrayRef({0, 5, 16}));
  at::Tensor value = at::ones({1, 4, 2, 8}).requires_grad_();
  const at::Tensor output = deform_attn(value, shapes, at::ones({1, 5, 2, 1, 0, 2}), at::ones({1, 5, 2, 1, 0}));
  EXPECT_TRUE(at::equal(output, at::zeros({1, 5, 16})));
  output.sum().backward();
  EXPECT_TRUE(at::equal(value.grad(), at::zeros_like(value)));
}

TEST(DeformAttn, SaysWhichArgumentDoesNotFit) {
  const Inputs good = random_inputs(1, {{4, 3}, {2, 2}}, 6, 2, 2, 8, 31);
  const auto expect_refused = [](const Inputs& inputs, const char* part) {
    try {
      deform_attn(inputs.value, inputs.shapes, inputs.locations, inputs.weights);
      ADD_FAILURE() << "accepted, expected: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  const auto with = [&](const std::function<void(Inputs&)>& change) {
    Inputs inputs = good;
    change(inputs);
    return inputs;
  };
  expect_refused(with([](Inputs& in) { in.shapes = {{4, 3}, {2, 3}}; }), "16 tokens");
  expect_refused(with([](Inputs& in) { in.shapes = {{4, 4}, {0, 0}}; }), "0 x 0");
  expect_refused(with([](Inputs& in) { in.shapes.push_back({1, 1}); }), "locations");
  expect_refused(with([](Inputs& in) { in.weights = in.weights.flatten(3); }), "weights");
  expect_refused(with([](Inputs& in) { in.value = in.value.flatten(2); }), "value");
  expect_refused(with([](Inputs& in) { in.value = in.value.to(at::kInt); }), "Int");
  expect_refused(with([](Inputs& in) { in.value = in.value.to(at::kDouble); }), "all double");
}

TEST(DeformAttn, RefusesSecondDerivatives) {
  const Inputs inputs = random_inputs(1, {{4, 3}}, 2, 2, 2, 8, 37);
  const at::Tensor value = inputs.value.clone().requires_grad_();
  const at::Tensor output = deform_attn(value, inputs.shapes, inputs.locations, inputs.weights);
  EXPECT_THROW(torch::autograd::grad({output.sum()}, {value}, {}, true, /*create_graph=*/true), Error);
}

}  // namespace
}  // namespace vepe::ops
