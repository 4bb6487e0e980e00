#include "model/keypoint_step.h"

#include <ATen/ATen.h>

#include "ops/position.h"

namespace vepe::model {
namespace {
constexpr double kSmallest = 1e-3;  // of a pose whose keypoints coincide
}  // namespace

at::Tensor half_extent(const at::Tensor& keypoints) {
  const at::Tensor extent = std::get<0>(keypoints.max(-2, true)) - std::get<0>(keypoints.min(-2, true));  // [..., 1, 2]
  return (std::get<0>(extent.max(-1, true)) / 2).clamp_min(kSmallest);
}

at::Tensor move_keypoints(const at::Tensor& keypoints, const at::Tensor& step, const std::string& unit) {
  if (unit == "pose") return keypoints + step * half_extent(keypoints);
  return (step + ops::inverse_sigmoid(keypoints)).sigmoid();
}

}  // namespace vepe::model
