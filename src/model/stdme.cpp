#include "model/stdme.h"

#include "ops/position.h"

namespace vepe::model {
namespace {

nn::DeformableAttention::Options attention_options(const ModelConfig& config, const TemporalConfig& temporal, std::int64_t levels) {
  return {config.channels, config.heads, levels, temporal.points, false, config.dropout};
}

Tensor with_rest(const Tensor& tokens, std::int64_t start, const Tensor& queries) {
  return start == 0 ? queries : torch::cat({tokens.slice(1, 0, start), queries}, 1);
}

}  // namespace

Tmsda::Tmsda(const ModelConfig& config, const TemporalConfig& temporal)
    : nn::DeformableAttention(attention_options(config, temporal, temporal.frames * config.levels())) {}

Tensor Tmsda::attend(const Tensor& query, const Tensor& position, const Tensor& centres, const std::vector<Memory>& frames,
                     const std::vector<Tensor>& values) const {
  std::vector<Tensor> ratios;
  ops::LevelShapes shapes;  // T * L levels
  for (const Memory& frame : frames) {
    ratios.push_back(frame.valid_ratios);
    shapes.insert(shapes.end(), frame.shapes.begin(), frame.shapes.end());
  }
  const Tensor reference = centres.unsqueeze(2) * torch::cat(ratios, 1).unsqueeze(1);  // [1, N, T*L, 2]
  return forward(query, position, reference, {torch::cat(values, 1), shapes});
}

StdmeLayer::StdmeLayer(const ModelConfig& config, const TemporalConfig& temporal) {
  msda_ = register_module("msda", std::make_shared<nn::DeformableAttention>(attention_options(config, temporal, config.levels())));
  tmsda_ = register_module("tmsda", std::make_shared<Tmsda>(config, temporal));
  ffn_ = register_module("ffn", std::make_shared<nn::FeedForward>(config.channels, config.feed_forward, config.dropout));
  const auto norm = [&] { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})); };
  norm1_ = register_module("norm1", norm());
  norm2_ = register_module("norm2", norm());
  norm3_ = register_module("norm3", norm());
}

Tensor StdmeLayer::forward(const std::vector<Memory>& frames, std::vector<Tensor> values, std::size_t key, std::int64_t start,
                           const Tensor& centres, const Tensor& position) {
  const Memory& memory = frames[key];
  const Tensor reference = centres.unsqueeze(2) * memory.valid_ratios.unsqueeze(1);  // [1, S - start, L, 2]
  const nn::ProjectedValue value = msda_->project(memory.tokens, memory.shapes, memory.padding);
  Tensor x = norm1_->forward(msda_->forward(memory.tokens.slice(1, start), position, reference, value));
  Memory moved;  // what TMSDA reads of the key frame has changed from `start` on
  moved.tokens = x;
  if (memory.padding.defined()) moved.padding = memory.padding.slice(1, start);
  values[key] = with_rest(values[key], start, tmsda_->values(moved));
  x = norm2_->forward(tmsda_->attend(x, position, centres, frames, values));
  return with_rest(memory.tokens, start, norm3_->forward(ffn_->forward(x)));
}

Stdme::Stdme(const ModelConfig& config, const TemporalConfig& temporal) : first_level_(temporal.stdme_first_level) {
  level_embed_ = register_parameter("level_embed", torch::randn({config.levels(), config.channels}));
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < temporal.stdme_layers; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<StdmeLayer>(config, temporal)));
  }
}

std::vector<Tensor> Stdme::values(const Memory& memory) const {
  std::vector<Tensor> values;
  for (const auto& layer : layers_) values.push_back(layer->values(memory));
  return values;
}

Memory Stdme::forward(const std::vector<Memory>& window, std::size_t key, std::vector<std::vector<Tensor>> values) {
  values.resize(window.size());
  for (std::size_t f = 0; f < window.size(); ++f) {
    if (values[f].empty()) values[f] = this->values(window[f]);
  }
  std::vector<Memory> frames = window;
  const ops::LevelShapes& shapes = window[key].shapes;
  std::int64_t start = 0;
  std::vector<Tensor> positions;
  for (std::size_t l = 0; l < shapes.size(); ++l) {
    const std::int64_t count = shapes[l].height * shapes[l].width, channels = level_embed_.size(1);
    if (static_cast<int>(l) < first_level_) {
      start += count;
    } else {
      positions.push_back(level_embed_[static_cast<std::int64_t>(l)].view({1, 1, channels}).expand({1, count, channels}));
    }
  }
  const Tensor position = torch::cat(positions, 1);                                            // [1, S - start, C]
  const Tensor centres = ops::cell_centres(shapes, window[key].valid_ratios).slice(1, start);  // [1, S - start, 2]
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::vector<Tensor> of_layer;
    for (const auto& frame : values) of_layer.push_back(frame[i]);
    frames[key].tokens = layers_[i]->forward(frames, std::move(of_layer), key, start, centres, position);
  }
  return frames[key];
}

}  // namespace vepe::model
