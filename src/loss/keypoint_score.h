#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "loss/matcher.h"
#include "loss/targets.h"

namespace vepe::loss {

// Teaches the joint decoder's keypoint scores how near each keypoint is: binary cross-entropy against the keypoint's own
// similarity exp(-d^2 / (2 area (2 sigma)^2)) (detached), 0 for a keypoint that is not labelled on a fully labelled
// image. Averaged over the keypoints that count.
//   score_logits [B, R, K], keypoints [B, R, K, 2] of the matched poses in 0..1, row r of image b = pair r of matches[b].
at::Tensor keypoint_score_loss(const at::Tensor& score_logits, const at::Tensor& keypoints, const std::vector<Match>& matches,
                               const std::vector<Targets>& targets, const std::vector<double>& sigmas);

}  // namespace vepe::loss
