#pragma once

#include <ATen/core/Tensor.h>

namespace vepe::loss {

using at::Tensor;

// Sigmoid focal loss (Lin et al. 2017), element-wise, no reduction. With p = sigmoid(logit) and target 1 or 0:
// alpha (1 - p)^gamma (-log p) on 1, (1 - alpha) p^gamma (-log(1 - p)) on 0. Computed from the logit, so it stays finite.
Tensor sigmoid_focal(const Tensor& logit, const Tensor& target, double alpha, double gamma);

// Quality focal loss (Li et al. 2020), element-wise: |target - p|^gamma times the binary cross-entropy with a soft
// target in 0..1. gamma = 0 is the plain cross-entropy. It teaches the score to predict how good the pose is.
Tensor quality_focal(const Tensor& logit, const Tensor& soft_target, double gamma);

}  // namespace vepe::loss
