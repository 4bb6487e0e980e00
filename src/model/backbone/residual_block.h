#pragma once

#include <cstdint>
#include <memory>

#include "model/backbone/normed_conv.h"

namespace vepe::model {

// One residual block of ResNet and HRNet: `relu(branch(x) + shortcut(x))`. The shortcut is the identity, or a 1x1
// projection (`downsample.0`, `downsample.1`) when stride or channels change.
class ResidualBlock : public torch::nn::Module {
 public:
  at::Tensor forward(const at::Tensor& input);

 protected:
  virtual at::Tensor branch(const at::Tensor& input) = 0;
  void add_shortcut(std::int64_t in, std::int64_t out, int stride);

 private:
  ConvNorm downsample_{nullptr};
};

// 3x3 (stride), 3x3.
class BasicBlock : public ResidualBlock {
 public:
  static constexpr int kExpansion = 1;
  BasicBlock(std::int64_t in, std::int64_t width, int stride);

 private:
  at::Tensor branch(const at::Tensor& input) override;

  NormedConv2d conv1_{nullptr}, conv2_{nullptr};
};

// 1x1, 3x3, 1x1 to four times the width.
class Bottleneck : public ResidualBlock {
 public:
  static constexpr int kExpansion = 4;
  // `stride_in_1x1`: "caffe" style; the same names and shapes as the usual stride in the 3x3, but other numbers.
  Bottleneck(std::int64_t in, std::int64_t width, int stride, bool stride_in_1x1 = false);

 private:
  at::Tensor branch(const at::Tensor& input) override;

  NormedConv2d conv1_{nullptr}, conv2_{nullptr}, conv3_{nullptr};
};

}  // namespace vepe::model
