#include "nn/blocks.h"

namespace vepe::nn {

torch::nn::Linear xavier_linear(std::int64_t in, std::int64_t out) {
  torch::nn::Linear linear(in, out);
  torch::nn::init::xavier_uniform_(linear->weight);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

FeedForward::FeedForward(std::int64_t channels, std::int64_t hidden, double dropout) : dropout_(dropout) {
  linear1_ = register_module("linear1", xavier_linear(channels, hidden));
  linear2_ = register_module("linear2", xavier_linear(hidden, channels));
}

Tensor FeedForward::forward(const Tensor& x) {
  Tensor hidden = torch::relu(linear1_->forward(x));
  if (dropout_ > 0) hidden = torch::dropout(hidden, dropout_, is_training());
  Tensor output = linear2_->forward(hidden);
  if (dropout_ > 0) output = torch::dropout(output, dropout_, is_training());
  return x + output;
}

Mlp::Mlp(const std::vector<std::int64_t>& sizes) {
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    layers_.push_back(register_module(std::to_string(2 * i), torch::nn::Linear(sizes[i], sizes[i + 1])));
  }
}

Tensor Mlp::forward(Tensor x) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(x);
    if (i + 1 < layers_.size()) x = torch::relu(x);
  }
  return x;
}

void Mlp::copy_from(const Mlp& other) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i]->weight.copy_(other.layers_[i]->weight);
    layers_[i]->bias.copy_(other.layers_[i]->bias);
  }
}

ConvGroupNorm::ConvGroupNorm(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t groups) {
  conv_ = register_module(
      "conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false)));
  gn_ = register_module("gn", torch::nn::GroupNorm(groups, out));
  torch::nn::init::xavier_uniform_(conv_->weight);
}

Tensor ConvGroupNorm::forward(const Tensor& x) { return gn_->forward(conv_->forward(x)); }

}  // namespace vepe::nn
