#include "model/backbone/normed_conv.h"

#include <torch/nn/init.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace vepe::model {

NormedConv2dImpl::NormedConv2dImpl(const torch::nn::Conv2dOptions& options, torch::nn::BatchNorm2d norm)
    : torch::nn::Conv2dImpl(options), norm_(std::move(norm)) {}

at::Tensor NormedConv2dImpl::forward(const at::Tensor& input) {
  const at::Tensor output = torch::nn::Conv2dImpl::forward(input);
  // Only a folded convolution has a bias.
  return bias.defined() ? output : norm_->forward(output);
}

void NormedConv2dImpl::fold() {
  if (bias.defined()) return;
  const torch::NoGradGuard no_grad;
  const auto in_double = [](const at::Tensor& tensor) { return tensor.to(torch::kDouble); };
  const at::Tensor scale = in_double(norm_->weight) / (in_double(norm_->running_var) + norm_->options.eps()).sqrt();
  const auto type = weight.scalar_type();
  weight.copy_(in_double(weight) * scale.view({-1, 1, 1, 1}));
  bias = (in_double(norm_->bias) - in_double(norm_->running_mean) * scale).to(type);
  // The base class registered an undefined bias; filling that entry lets `to(dtype)` find the tensor.
  parameters_["bias"] = bias;
}

NormedConv2d add_normed_conv(torch::nn::Module& parent, const std::string& conv_name, const std::string& norm_name,
                             const ConvShape& shape) {
  torch::nn::BatchNorm2d norm(shape.out);
  NormedConv2d conv(
      torch::nn::Conv2dOptions(shape.in, shape.out, shape.kernel).stride(shape.stride).padding(shape.kernel / 2).bias(false), norm);
  torch::nn::init::kaiming_normal_(conv->weight, 0.0, torch::kFanOut, torch::kReLU);
  parent.register_module(conv_name, conv);
  parent.register_module(norm_name, norm);
  return conv;
}

ConvNormImpl::ConvNormImpl(const ConvShape& shape, bool relu) : conv_(add_normed_conv(*this, "0", "1", shape)), relu_(relu) {}

at::Tensor ConvNormImpl::forward(const at::Tensor& input) {
  at::Tensor output = conv_->forward(input);
  return relu_ ? output.relu_() : output;
}

}  // namespace vepe::model
