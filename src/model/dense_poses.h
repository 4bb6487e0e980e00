#pragma once

#include "model/outputs.h"

namespace vepe::model {

// Poses read off the dense heads, people sorted by falling centre score. Positions are x, y in pixels of the network
// input, pixel centres at integers + 0.5 (cell v of the stride-4 map is pixel 4 v).
struct DensePoses {
  Tensor keypoints;        // [B, N, K, 2]
  Tensor keypoint_scores;  // [B, N, K]
  Tensor boxes;            // [B, N, 4] x0, y0, x1, y1, clamped to the map
  Tensor centre_scores;    // [B, N] sigmoid of the centre heatmap, 0 where there are fewer than N peaks
  Tensor scores;           // [B, N] centre score times the mean of the keypoint scores above 0.127
  Tensor centre_cells;     // [B, N] int64, y * w + x
};

// The post-processing that belongs to the published network (`trunk` golden file), for any number of people:
// 5x5 local maxima of the centre map; per person and keypoint the best cell of heatmap x exp(-distance / scale)
// inside the person's box; the offset of that cell; scores. Without gradients.
DensePoses decode_dense_heads(const DenseHeads& heads, std::int64_t people);

}  // namespace vepe::model
