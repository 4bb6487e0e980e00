#include "model/neck.h"

namespace vepe::model {

Neck::Neck(const std::vector<std::int64_t>& in_channels, const ModelConfig& config) {
  auto convs = register_module("convs", std::make_shared<torch::nn::Module>());
  for (std::size_t i = 0; i < in_channels.size(); ++i) {
    convs_.push_back(convs->register_module(
        std::to_string(i), std::make_shared<nn::ConvGroupNorm>(in_channels[i], config.channels, 1, 1, config.neck.groups)));
  }
  if (config.neck.extra_levels == 0) return;
  auto extra = register_module("extra_convs", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < config.neck.extra_levels; ++i) {
    const std::int64_t in = i == 0 ? in_channels.back() : config.channels;
    extra_convs_.push_back(extra->register_module(
        std::to_string(i), std::make_shared<nn::ConvGroupNorm>(in, config.channels, 3, 2, config.neck.groups)));
  }
}

std::vector<Tensor> Neck::forward(const std::vector<Tensor>& maps) {
  std::vector<Tensor> levels;
  for (std::size_t i = 0; i < convs_.size(); ++i) levels.push_back(convs_[i]->forward(maps[i]));
  Tensor top = maps.back();
  for (auto& conv : extra_convs_) levels.push_back(top = conv->forward(top));
  return levels;
}

}  // namespace vepe::model
