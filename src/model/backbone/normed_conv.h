#pragma once

#include <cstdint>
#include <string>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

namespace vepe::model {

// A convolution without bias together with the batch norm behind it: `forward` applies both. The norm is a
// sibling in the module tree (public checkpoints name the two `conv1` and `bn1`), so it is only referred to here.
class NormedConv2dImpl : public torch::nn::Conv2dImpl {
 public:
  NormedConv2dImpl(const torch::nn::Conv2dOptions& options, torch::nn::BatchNorm2d norm);

  at::Tensor forward(const at::Tensor& input);  // [B, C_in, H, W] -> [B, C_out, H', W']

  // Multiplies the norm (its running statistics) into weight and bias; from then on `forward` is one convolution.
  void fold();

 private:
  torch::nn::BatchNorm2d norm_;
};
TORCH_MODULE(NormedConv2d);

// Geometry of one convolution; padding is kernel / 2, as everywhere in these networks.
struct ConvShape {
  std::int64_t in = 0, out = 0;
  int kernel = 1, stride = 1;
};

// Makes the pair and registers its halves in `parent` under the two names. Weights: Kaiming normal (fan out).
NormedConv2d add_normed_conv(torch::nn::Module& parent, const std::string& conv_name, const std::string& norm_name,
                             const ConvShape& shape);

// The pair as a module of its own, with the children "0" (convolution) and "1" (norm), and maybe a ReLU behind it.
class ConvNormImpl : public torch::nn::Module {
 public:
  ConvNormImpl(const ConvShape& shape, bool relu);
  at::Tensor forward(const at::Tensor& input);

 private:
  NormedConv2d conv_{nullptr};
  bool relu_;
};
TORCH_MODULE(ConvNorm);

}  // namespace vepe::model
