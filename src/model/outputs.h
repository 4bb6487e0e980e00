#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "ops/shapes.h"

namespace vepe::model {

using at::Tensor;

// Multi-scale features of B frames, all levels in one token axis.
struct Memory {
  Tensor tokens;            // [B, S, C]
  ops::LevelShapes shapes;  // L levels, S = sum of their cells
  Tensor padding;           // [B, S] bool, true on padding; undefined when no frame is padded
  Tensor valid_ratios;      // [B, L, 2] share of each level that is not padding (x, y)
};

// Dense heads of the small trunk on its stride-4 map (h = H / 4, w = W / 4). Offsets are (dy, dx) in cells of that map.
struct DenseHeads {
  Tensor center;          // [B, 1, h, w] logit of the person-centre heatmap
  Tensor kpt_regression;  // [B, 2K, h, w] channel 2j = dy, 2j + 1 = dx, from the centre cell to keypoint j
  Tensor kpt_heatmap;     // [B, K, h, w] logit
  Tensor kpt_offset;      // [B, 2K, h, w] from a heatmap cell to the exact keypoint
  Tensor box_size;        // [B, 2, h, w] height, width in cells
  Tensor box_offset;      // [B, 2, h, w] from the centre cell to the exact box centre
};

// Where the pose queries start. All keypoints of the model are x, y in 0..1 of the real (unpadded) image.
struct Proposals {
  Tensor initial_keypoints;  // [B, N, K, 2] detached
  Tensor score_logit;        // [B, S] per proposing token ("encoder" proposals; undefined for "dense")
  Tensor keypoints;          // [B, S, K, 2] per proposing token, in training and in `verify` only ("encoder")
  Tensor top_tokens;         // [B, N] int64 among the proposing tokens ("encoder")
  Tensor seed_logit;         // [B, N] logit of the dense score ("dense")
  DenseHeads dense;          // ("dense")
};

// One pose-decoder layer.
struct PoseLayer {
  Tensor query;        // [B, N, C]
  Tensor score_logit;  // [B, N]
  Tensor keypoints;    // [B, N, K, 2]
};

// What the spatial phase knows of B frames before the joint decoder.
struct SpatialOutput {
  Memory memory;
  Proposals proposals;
  std::vector<PoseLayer> pose_layers;
  Tensor heatmap_logit;  // [B, K, H8, W8], training only; undefined without a heatmap branch
};

}  // namespace vepe::model
