#pragma once

#include <ATen/core/Tensor.h>

namespace vepe::loss {

using at::Tensor;

// Object keypoint similarity: mean over the visible keypoints of exp(-d^2 / (2 area (2 sigma)^2)), d in pixels, no
// floor, so it is differentiable far from the truth too. All arguments broadcast over the leading axes:
// `predicted` and `truth` [..., K, 2] in 0..1 of the image, `visible` [..., K] 1 or 0, `area` [...] pixels^2,
// `size_px` [..., 1, 2] width and height, `sigmas` [K]. Result [...]; 0 where nothing is visible.
Tensor oks(const Tensor& predicted, const Tensor& truth, const Tensor& visible, const Tensor& area, const Tensor& size_px,
           const Tensor& sigmas);

// -log(max(oks, 1e-6)), element-wise; the gradient is 0 where the floor holds.
Tensor oks_loss(const Tensor& oks);

}  // namespace vepe::loss
