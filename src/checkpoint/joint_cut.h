#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "model/config.h"

namespace vepe::checkpoint {

// Which joints of a checkpoint each joint of a new model starts from: [K_to, K_from], rows sum to 1.
// Joints that both sets have are copied. PoseTrack's head joints start from the linear part of the rule of
// formats/joints.h: head bottom = m + 0.3 (n - m), head top = n + 0.5 (n - m), m = middle of the shoulders, n = nose.
// Throws Error(kUsage) when a joint has no source.
at::Tensor joint_weights(const std::string& from, const std::string& to);

// True when the tensor with this name (ours) holds values for each joint.
bool depends_on_joints(const std::string& name);

// A tensor of a model for the joints `from` as a start for the joints `to`; `weights` from joint_weights.
at::Tensor cut_joints(const std::string& name, const at::Tensor& tensor, const at::Tensor& weights);

}  // namespace vepe::checkpoint
