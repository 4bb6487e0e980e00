#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace vepe::loss {

using at::Tensor;

// Ground truth of one image for the set losses. G persons, each with at least one visible keypoint.
struct Targets {
  double width = 0, height = 0;  // real (unpadded) size of the network input, pixels
  Tensor keypoints;              // [G, K, 2] fp32, x, y in 0..1 of the real image; 0 where not visible
  Tensor visible;                // [G, K] bool
  Tensor area;                   // [G] fp32, pixels^2 of the network input
  Tensor boxes;                  // [G, 4] fp32 x0, y0, x1, y1, pixels of the network input
  Tensor track_id;               // [G] int64, -1 where there is none
  // Regions whose people are not labelled (crowds, boxes without keypoints): unmatched queries that lie in one are
  // not punished. [I, 4] fp32 x0, y0, x1, y1, pixels of the network input; I may be 0.
  Tensor ignore_boxes;
  // Single-person sets: other people of the image are not labelled, so no background query is punished.
  bool unlabelled_bystanders = false;
};

}  // namespace vepe::loss
