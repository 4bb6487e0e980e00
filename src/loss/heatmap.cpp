#include "loss/heatmap.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "loss/ground_truth.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

constexpr double kClamp = 1e-4;

Tensor on_cpu(const Tensor& tensor, at::ScalarType type) { return tensor.to(at::kCPU, type).contiguous(); }

}  // namespace

double gaussian_radius(double height, double width, double overlap) {
  const double sum = height + width, product = width * height, o = overlap;
  const double first = (sum + std::sqrt(std::max(0.0, sum * sum - 4 * product * (1 - o) / (1 + o)))) / 2;
  const double second = (2 * sum + std::sqrt(std::max(0.0, 4 * sum * sum - 16 * (1 - o) * product))) / 2;
  const double third = (-2 * o * sum + std::sqrt(4 * o * o * sum * sum + 16 * o * (1 - o) * product)) / 2;
  return std::min({first, second, third});
}

void draw_gaussian(float* map, std::int64_t height, std::int64_t width, std::int64_t y, std::int64_t x, int radius) {
  const float sigma = static_cast<float>(2 * radius + 1) / 6.0F;
  for (std::int64_t row = std::max<std::int64_t>(0, y - radius); row <= std::min(height - 1, y + radius); ++row) {
    for (std::int64_t column = std::max<std::int64_t>(0, x - radius); column <= std::min(width - 1, x + radius); ++column) {
      const auto squared = static_cast<float>((row - y) * (row - y) + (column - x) * (column - x));
      float& cell = map[row * width + column];
      cell = std::max(cell, std::exp(-squared / (2 * sigma * sigma)));
    }
  }
}

Tensor heatmap_target(const std::vector<Targets>& targets, std::int64_t keypoint_count, std::int64_t height, std::int64_t width,
                      const HeatmapConfig& config) {
  const auto images = static_cast<std::int64_t>(targets.size());
  Tensor map = at::zeros({images, keypoint_count, height, width}, at::kFloat);
  for (std::int64_t b = 0; b < images; ++b) {
    const Targets& image = targets[static_cast<std::size_t>(b)];
    const std::int64_t persons = image.keypoints.defined() ? image.keypoints.size(0) : 0;
    if (persons == 0) continue;
    ops::expect_shape(image.boxes, {persons, 4}, fmt::format("targets of image {}, boxes", b));
    const Tensor keypoints = on_cpu(image.keypoints, at::kFloat), visible = on_cpu(image.visible, at::kBool);
    const Tensor boxes = on_cpu(image.boxes, at::kDouble);
    const auto point = keypoints.accessor<float, 3>();
    const auto seen = visible.accessor<bool, 2>();
    const auto box = boxes.accessor<double, 2>();
    for (std::int64_t g = 0; g < persons; ++g) {
      const double wide = (box[g][2] - box[g][0]) / config.stride, high = (box[g][3] - box[g][1]) / config.stride;
      const int radius = std::clamp(static_cast<int>(gaussian_radius(high, wide, config.overlap)), 0, config.max_radius);
      for (std::int64_t k = 0; k < keypoint_count; ++k) {
        if (!seen[g][k]) continue;
        const auto x = static_cast<std::int64_t>(std::floor(point[g][k][0] * image.width / config.stride));
        const auto y = static_cast<std::int64_t>(std::floor(point[g][k][1] * image.height / config.stride));
        draw_gaussian(map.data_ptr<float>() + (b * keypoint_count + k) * height * width, height, width, y, x, radius);
      }
    }
  }
  return map;
}

Tensor background_cells(const std::vector<Targets>& targets, std::int64_t height, std::int64_t width, double stride) {
  const auto images = static_cast<std::int64_t>(targets.size());
  Tensor weight;
  const auto mask = [&] { return weight.defined() ? weight : (weight = at::ones({images, 1, height, width}, at::kFloat)); };
  for (std::int64_t b = 0; b < images; ++b) {
    const Targets& image = targets[static_cast<std::size_t>(b)];
    if (image.unlabelled_bystanders) {
      mask()[b].zero_();
      continue;
    }
    const std::int64_t count = image.ignore_boxes.defined() ? image.ignore_boxes.size(0) : 0;
    if (count == 0) continue;
    ops::expect_shape(image.ignore_boxes, {count, 4}, fmt::format("targets of image {}, ignore_boxes", b));
    const Tensor boxes = on_cpu(image.ignore_boxes, at::kDouble);
    const auto box = boxes.accessor<double, 2>();
    for (std::int64_t i = 0; i < count; ++i) {  // every cell that the box touches
      const auto from = [&](double v, std::int64_t limit) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(std::clamp(v / stride, 0.0, 1e6))), 0, limit);
      };
      const auto to = [&](double v, std::int64_t limit) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(std::clamp(v / stride, 0.0, 1e6))), 0, limit);
      };
      const std::int64_t x0 = from(box[i][0], width), y0 = from(box[i][1], height);
      const std::int64_t x1 = to(box[i][2], width), y1 = to(box[i][3], height);
      if (x1 > x0 && y1 > y0) mask()[b][0].slice(0, y0, y1).slice(1, x0, x1).zero_();
    }
  }
  return weight;
}

HeatmapLoss heatmap_focal(const Tensor& logit, const Tensor& target, const Tensor& background) {
  const Tensor p = at_least_float(logit).sigmoid().clamp(kClamp, 1 - kClamp);
  const Tensor wanted = target.to(p.options());
  const Tensor peak = (wanted == 1).to(p.options());
  const Tensor positive = (p.log() * (1 - p).square() * peak).sum();
  Tensor weight = (1 - wanted).square().square();  // 0 at the ones, so they need no mask here
  if (background.defined()) weight = weight * background.to(p.options());
  const Tensor negative = ((1 - p).log() * p.square() * weight).sum();
  return {-(positive + negative), peak.sum().item<double>()};
}

}  // namespace vepe::loss
