#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/nn/module.h>

namespace vepe::model {

// What turns an image into feature maps. Parameters carry the public names of each family (torchvision ResNet,
// HRNet, official Swin), so that reading a public checkpoint is a matter of prefixes.
class Backbone : public torch::nn::Module {
 public:
  // `image` [B, 3, H, W], normalised (and zero-padded after that). Returns one map [B, C_i, H_i, W_i] for each
  // output that the configuration asks for, finest first; strides 8, 16, 32 unless it says otherwise.
  virtual std::vector<at::Tensor> forward(const at::Tensor& image) = 0;

  virtual std::vector<std::int64_t> out_channels() const = 0;
  virtual std::vector<std::int64_t> out_strides() const = 0;

  // Height and width of the image must be multiples of this (1: any size).
  virtual std::int64_t size_divisor() const { return 1; }

  // Multiplies every batch norm into the convolution before it: the same numbers up to rounding, one pass over each
  // map less. For inference only: the model can neither be trained nor saved afterwards. Calling it twice is harmless.
  void fold_batch_norm();
};

}  // namespace vepe::model
