#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loss/targets.h"

namespace vepe::loss {

// Radius of the Gaussian of a box of `height` x `width` cells so that a box moved by it still overlaps by
// `overlap` (CornerNet's three cases, the smallest). All three are divided by 2, the well-known slip of CenterNet's
// code that every later work (PETR too) was trained with.
double gaussian_radius(double height, double width, double overlap);

// Draws a Gaussian of peak 1 into `map` (row-major height x width), taking the maximum with what is there: the square of
// 2 radius + 1 cells around (y, x), sigma = (2 radius + 1) / 6. Parts outside the map are left out.
void draw_gaussian(float* map, std::int64_t height, std::int64_t width, std::int64_t y, std::int64_t x, int radius);

struct HeatmapConfig {
  int stride = 8;        // pixels of a cell
  double overlap = 0.9;  // see gaussian_radius
  int max_radius = 3;    // cells
};

// Targets [B, K, height, width] fp32 of PETR's heatmap branch: per person and visible keypoint a Gaussian at
// floor(keypoint / stride), its radius from the person's box. Needs `boxes` of each image with persons.
Tensor heatmap_target(const std::vector<Targets>& targets, std::int64_t keypoint_count, std::int64_t height, std::int64_t width,
                      const HeatmapConfig& config);

// Which cells may be punished as background, [B, 1, height, width] fp32, 1 or 0: 0 inside ignore boxes and in the
// whole of an image with unlabelled bystanders. `stride`: pixels of a cell. Undefined when every cell may.
Tensor background_cells(const std::vector<Targets>& targets, std::int64_t height, std::int64_t width, double stride);

// Sum of CenterNet's penalty-reduced focal loss, and the number of ones in the target.
struct HeatmapLoss {
  Tensor sum;        // scalar, with gradient
  double positives;  // cells whose target is exactly 1
};
// `logit`, `target` [B, K, H, W]; `background` broadcasts to it, weight of the negatives, undefined = 1. p = sigmoid clamped
// to 1e-4 .. 1 - 1e-4 (no gradient beyond): -(1 - p)^2 log p on ones, -p^2 (1 - target)^4 log(1 - p) elsewhere.
HeatmapLoss heatmap_focal(const Tensor& logit, const Tensor& target, const Tensor& background);

}  // namespace vepe::loss
