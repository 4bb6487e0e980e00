#pragma once

#include <vector>

#include "data/batch.h"
#include "loss/targets.h"

namespace vepe::train {

// Ground truth of a batch's samples as the losses want it.
std::vector<loss::Targets> make_targets(const std::vector<data::Sample>& samples, std::int64_t keypoints);

// Real height and width of each image, [B, 2] fp32.
at::Tensor real_sizes(const data::Batch& batch);

}  // namespace vepe::train
