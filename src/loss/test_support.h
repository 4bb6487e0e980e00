#pragma once

// Helpers of this folder's tests: golden files as tensors, finite differences.

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/safetensors.h"
#include "loss/targets.h"

namespace vepe::loss::testing {

inline SafetensorsFile golden(const std::string& name) {
  return SafetensorsFile(std::string(VEPE_SOURCE_DIR) + "/tests/data/loss/" + name);
}

inline Tensor tensor(const SafetensorsFile& file, const std::string& name) {
  const TensorView& view = file.at(name);
  const auto type = view.dtype == DType::kF32 ? at::kFloat : view.dtype == DType::kI64 ? at::kLong : at::kByte;
  const Tensor copy = torch::empty(view.shape, type);
  std::memcpy(copy.data_ptr(), view.data, view.size_bytes);
  return copy;
}

inline double value(const Tensor& scalar) { return scalar.item<double>(); }

inline std::vector<double> coco_sigmas() {
  return {.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089};
}

// Compares the gradient of `function` (double scalar of a double tensor) with central differences in every element.
inline void expect_gradient(const std::function<Tensor(const Tensor&)>& function, const Tensor& at_point, double tolerance = 1e-6) {
  const Tensor input = at_point.to(at::kDouble).clone().requires_grad_(true);
  function(input).backward();
  ASSERT_TRUE(input.grad().defined());
  const Tensor gradient = input.grad().reshape({-1});
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  for (std::int64_t i = 0; i < input.numel(); ++i) {
    Tensor low = input.detach().clone(), high = low.clone();
    low.view({-1})[i] -= kStep;
    high.view({-1})[i] += kStep;
    const double slope = (value(function(high)) - value(function(low))) / (2 * kStep);
    ASSERT_NEAR(value(gradient[i]), slope, tolerance * std::max(1.0, std::abs(slope))) << "element " << i;
  }
}

// A random crowd: `persons` people with `keypoint_count` keypoints, about a quarter of them invisible, one always visible.
inline Targets random_targets(std::int64_t persons, std::int64_t keypoint_count, double width = 160, double height = 128) {
  Targets targets;
  targets.width = width;
  targets.height = height;
  const Tensor corner = torch::rand({persons, 1, 2}) * 0.6, extent = 0.15 + torch::rand({persons, 1, 2}) * 0.2;
  targets.visible = torch::rand({persons, keypoint_count}) < 0.75;
  if (persons > 0) targets.visible.select(1, 0).fill_(true);
  targets.keypoints = (corner + extent * torch::rand({persons, keypoint_count, 2})) * targets.visible.unsqueeze(2);
  const Tensor size = torch::tensor({width, height}, torch::kFloat);
  targets.boxes = torch::cat({corner.squeeze(1) * size, (corner + extent).squeeze(1) * size}, 1);
  targets.area = (extent.squeeze(1) * size).prod(1) * 0.6;
  targets.track_id = torch::arange(persons);
  targets.ignore_boxes = torch::empty({0, 4});
  return targets;
}

}  // namespace vepe::loss::testing
