#pragma once

#include "model/config.h"
#include "nn/blocks.h"

namespace vepe::model {

using torch::Tensor;

// Backbone maps to L levels of C channels: a 1x1 convolution with GroupNorm a map, then stride-2 3x3 ones on the last map.
class Neck : public torch::nn::Module {
 public:
  Neck(const std::vector<std::int64_t>& in_channels, const ModelConfig& config);
  std::vector<Tensor> forward(const std::vector<Tensor>& maps);  // L x [B, C, H_l, W_l]

 private:
  std::vector<std::shared_ptr<nn::ConvGroupNorm>> convs_, extra_convs_;
};

}  // namespace vepe::model
