#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "loss/targets.h"

namespace vepe::loss {

// Which unmatched queries may be punished as background: [B, N], 1 or 0, in the dtype of `keypoints` [B, N, K, 2].
// 0 where more than half of the pose's box (extent of its keypoints, at least one pixel in each axis) lies in one
// ignore box, and for the whole of an image with unlabelled bystanders. Undefined when every query may. No gradient.
Tensor background_queries(const Tensor& keypoints, const std::vector<Targets>& targets);

}  // namespace vepe::loss
