#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/config.h"
#include "loss/targets.h"
#include "model/outputs.h"

namespace vepe::loss {

// Losses of the small trunk's dense heads (CenterNet's family: heatmaps by a focal loss, the rest by L1 at few cells).
// The defaults describe how the pretrained heads answer: the person centre is the centre of the person's box (their
// box_offset at a peak is the remainder of the box centre, in 0..1), cells are floors, kpt_offset holds around the cell too.
struct DenseLossConfig {
  bool enabled = false;

  // Where a person's centre is: "box" (centre of the annotation box), "keypoints" (centre of the visible keypoints' box)
  // or "torso" (mean of the visible torso keypoints, the box centre where none is visible).
  std::string center = "box";
  std::vector<int> torso = {5, 6, 11, 12};  // shoulders and hips of the 17 COCO keypoints

  // Weights of the terms; 0 leaves a term out.
  double center_weight = 1, kpt_regression_weight = 0.1, kpt_heatmap_weight = 1, kpt_offset_weight = 1;
  double box_size_weight = 0.1, box_offset_weight = 1;

  double overlap = 0.7;         // of the Gaussians, see gaussian_radius; CenterNet's value
  int max_radius = 16;          // of the centre's Gaussian, cells
  int max_keypoint_radius = 4;  // of the keypoints' Gaussians, cells
  int offset_radius = 1;        // kpt_offset is taught in the square of this radius around a keypoint's cell
};

// Reads the sub-table [loss.dense]. Throws Error(kUsage).
void read_dense_loss_config(TableReader& table, DenseLossConfig& config);

// Named, weighted terms: center, kpt_regression, kpt_heatmap, kpt_offset, box_size, box_offset. Heads are those of B images;
// the maps belong to the padded canvas, the targets to the real image in its top left corner. Heatmaps are divided by
// the number of peaks, L1 terms by the number of coordinates. Cells in ignore boxes and in images with unlabelled
// bystanders are never punished as background; padding is. `average`: see Criterion. Terms keep their graph when there is nobody.
std::vector<std::pair<std::string, at::Tensor>> dense_loss(const model::DenseHeads& heads, const std::vector<Targets>& targets,
                                                           const DenseLossConfig& config,
                                                           const std::function<double(double)>& average = {});

// One sparse regression target: which cells of which channel pair, and the (dy, dx) wanted there.
struct CellTargets {
  at::Tensor image, pair, y, x;  // [M] int64; channels 2 pair and 2 pair + 1
  at::Tensor value;              // [M, 2] fp32
};

// What the heads should answer, on the CPU.
struct DenseTargets {
  at::Tensor center;       // [B, 1, h, w] fp32
  at::Tensor kpt_heatmap;  // [B, K, h, w] fp32
  CellTargets kpt_regression, kpt_offset, box_size, box_offset;
};
DenseTargets dense_targets(const std::vector<Targets>& targets, std::int64_t keypoint_count, std::int64_t height,
                           std::int64_t width, const DenseLossConfig& config);

}  // namespace vepe::loss
