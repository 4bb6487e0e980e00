#include "ops/position.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace vepe::ops {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kInverseSigmoidEps = 1e-5;

// sin and cos of the angles, interleaved as the encoding wants them: [B, H, W] -> [B, H, W, features].
at::Tensor sine_features(const at::Tensor& angle, const at::Tensor& divisor) {
  const at::Tensor phase = angle.unsqueeze(-1) / divisor;        // [B, H, W, features / 2]
  return at::stack({phase.sin(), phase.cos()}, -1).flatten(-2);  // [B, H, W, features]
}

// 2 pi (n - 0.5) / (n_last + 1e-6) for the running count n along `axis`.
at::Tensor valid_angle(const at::Tensor& valid, std::int64_t axis) {
  const at::Tensor count = valid.cumsum(axis, at::kFloat);  // [B, H, W]
  const at::Tensor last = count.narrow(axis, count.size(axis) - 1, 1);
  return (count - 0.5) / (last + 1e-6) * kTwoPi;
}

}  // namespace

at::Tensor sine_position(const at::Tensor& mask, std::int64_t channels, double temperature) {
  expect_shape(mask, {-1, -1, -1}, "padding mask");
  if (channels <= 0 || channels % 4 != 0) {
    throw Error(ErrorCode::kUsage, "sine_position", "channels must be a positive multiple of 4, got " + std::to_string(channels));
  }
  if (mask.size(1) == 0 || mask.size(2) == 0) throw Error(ErrorCode::kUsage, "padding mask", "has no cells");

  const std::int64_t features = channels / 2;
  const at::Tensor valid = mask.to(at::kBool).logical_not();
  const at::Tensor pair = at::arange(features / 2, valid.options().dtype(at::kFloat));
  const at::Tensor divisor = at::pow(temperature, pair * (2.0 / static_cast<double>(features)));
  const at::Tensor y = sine_features(valid_angle(valid, 1), divisor);
  const at::Tensor x = sine_features(valid_angle(valid, 2), divisor);
  return at::cat({y, x}, -1).flatten(1, 2);  // [B, H * W, C]
}

at::Tensor valid_ratios(const std::vector<at::Tensor>& masks) {
  if (masks.empty()) throw Error(ErrorCode::kUsage, "valid_ratios", "no levels");
  std::vector<at::Tensor> ratios;
  ratios.reserve(masks.size());
  for (const at::Tensor& mask : masks) {
    expect_shape(mask, {masks.front().size(0), -1, -1}, "padding mask");
    const at::Tensor valid = mask.to(at::kBool).logical_not().to(at::kFloat);
    ratios.push_back(at::stack({valid.select(1, 0).mean(1), valid.select(2, 0).mean(1)}, -1));  // [B, 2]
  }
  return at::stack(ratios, 1);
}

at::Tensor cell_centres(const LevelShapes& shapes, const at::Tensor& ratios) {
  expect_shape(ratios, {-1, static_cast<std::int64_t>(shapes.size()), 2}, "valid ratios");
  const at::TensorOptions options = ratios.options();
  std::vector<at::Tensor> centres;
  centres.reserve(shapes.size());
  for (std::size_t level = 0; level < shapes.size(); ++level) {
    const auto [height, width] = shapes[level];
    const at::Tensor x = (at::arange(width, options) + 0.5) / static_cast<double>(width);
    const at::Tensor y = (at::arange(height, options) + 0.5) / static_cast<double>(height);
    const at::Tensor grid = at::stack({x.unsqueeze(0).expand({height, width}), y.unsqueeze(1).expand({height, width})}, -1);
    const at::Tensor ratio = ratios.select(1, static_cast<std::int64_t>(level)).unsqueeze(1);  // [B, 1, 2]
    centres.push_back(grid.reshape({1, height * width, 2}) / ratio);                           // [B, H_l W_l, 2]
  }
  return at::cat(centres, 1);
}

at::Tensor encoder_reference_points(const LevelShapes& shapes, const at::Tensor& ratios) {
  return cell_centres(shapes, ratios).unsqueeze(2) * ratios.unsqueeze(1);  // [B, S, L, 2]
}

at::Tensor inverse_sigmoid(const at::Tensor& p) {
  const at::Tensor inside = p.clamp(0, 1);
  return at::log(inside.clamp_min(kInverseSigmoidEps) / (1 - inside).clamp_min(kInverseSigmoidEps));
}

}  // namespace vepe::ops
