#pragma once

#include <string>

#include <ATen/core/Tensor.h>

namespace vepe::model {

// Keypoints one refinement on; shared by the pose decoder, the joint decoder and STPD.
//   keypoints [..., K, 2] in 0..1 of the image, without gradient
//   step      [..., K, 2] what a keypoint head answers
//   unit      "image": sigmoid(logit(keypoints) + step), PETR's rule and eq. 4 of the paper. The same step moves a small
//             person as many pixels as a large one, although OKS asks for less.
//             "pose": keypoints + step * half the larger side of the pose's extent. A small person is refined as finely as
//             a large one; a keypoint may leave the image.
at::Tensor move_keypoints(const at::Tensor& keypoints, const at::Tensor& step, const std::string& unit);

// Half the larger side of the extent of each pose, at least 0.001: keypoints [..., K, 2] -> [..., 1, 1].
at::Tensor half_extent(const at::Tensor& keypoints);

}  // namespace vepe::model
