#include "model/backbone/residual_block.h"

#include <torch/types.h>

namespace vepe::model {

void ResidualBlock::add_shortcut(std::int64_t in, std::int64_t out, int stride) {
  if (stride == 1 && in == out) return;
  downsample_ = register_module("downsample", ConvNorm(ConvShape{in, out, 1, stride}, /*relu=*/false));
}

at::Tensor ResidualBlock::forward(const at::Tensor& input) {
  const at::Tensor shortcut = downsample_ ? downsample_->forward(input) : input;
  return branch(input).add_(shortcut).relu_();
}

BasicBlock::BasicBlock(std::int64_t in, std::int64_t width, int stride) {
  conv1_ = add_normed_conv(*this, "conv1", "bn1", {in, width, 3, stride});
  conv2_ = add_normed_conv(*this, "conv2", "bn2", {width, width, 3, 1});
  add_shortcut(in, width, stride);
}

at::Tensor BasicBlock::branch(const at::Tensor& input) { return conv2_->forward(conv1_->forward(input).relu_()); }

Bottleneck::Bottleneck(std::int64_t in, std::int64_t width, int stride, bool stride_in_1x1) {
  conv1_ = add_normed_conv(*this, "conv1", "bn1", {in, width, 1, stride_in_1x1 ? stride : 1});
  conv2_ = add_normed_conv(*this, "conv2", "bn2", {width, width, 3, stride_in_1x1 ? 1 : stride});
  conv3_ = add_normed_conv(*this, "conv3", "bn3", {width, width * kExpansion, 1, 1});
  add_shortcut(in, width * kExpansion, stride);
}

at::Tensor Bottleneck::branch(const at::Tensor& input) {
  const at::Tensor narrow = conv2_->forward(conv1_->forward(input).relu_()).relu_();
  return conv3_->forward(narrow);
}

}  // namespace vepe::model
