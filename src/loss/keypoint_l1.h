#pragma once

#include <ATen/core/Tensor.h>

namespace vepe::loss {

using at::Tensor;

// Sum over the visible coordinates of |predicted - truth|; [..., K, 2] in 0..1 of the image, `visible` [..., K] 1 or 0.
// Arguments broadcast. Result [...].
Tensor keypoint_l1(const Tensor& predicted, const Tensor& truth, const Tensor& visible);

}  // namespace vepe::loss
