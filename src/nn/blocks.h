#pragma once

#include <torch/torch.h>

#include <vector>

namespace vepe::nn {

using torch::Tensor;

// Linear, ReLU, Linear with dropout after each and the residual inside.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(std::int64_t channels, std::int64_t hidden, double dropout);
  Tensor forward(const Tensor& x);

 private:
  double dropout_;
  torch::nn::Linear linear1_{nullptr}, linear2_{nullptr};
};

// Linear layers with ReLU between them; parameters are named 0, 2, 4, ... as in a torch Sequential.
class Mlp : public torch::nn::Module {
 public:
  explicit Mlp(const std::vector<std::int64_t>& sizes);  // {in, hidden, ..., out}
  Tensor forward(Tensor x);
  torch::nn::Linear& last() { return layers_.back(); }
  void copy_from(const Mlp& other);  // values, not storage

 private:
  std::vector<torch::nn::Linear> layers_;
};

// A convolution without bias followed by GroupNorm (PETR's neck); parameters conv.weight, gn.weight, gn.bias.
class ConvGroupNorm : public torch::nn::Module {
 public:
  ConvGroupNorm(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t groups);
  Tensor forward(const Tensor& x);

 private:
  torch::nn::Conv2d conv_{nullptr};
  torch::nn::GroupNorm gn_{nullptr};
};

// A plain Linear, registered under `name`, with Xavier weights and zero bias.
torch::nn::Linear xavier_linear(std::int64_t in, std::int64_t out);

}  // namespace vepe::nn
