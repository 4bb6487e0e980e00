#include "model/stdme.h"

#include "ops/position.h"

namespace vepe::model {
namespace {

nn::DeformableAttention::Options attention_options(const ModelConfig& config, const TemporalConfig& temporal, std::int64_t levels) {
  return {config.channels, config.heads, levels, temporal.points, false, config.dropout};
}

}  // namespace

Tmsda::Tmsda(const ModelConfig& config, const TemporalConfig& temporal)
    : nn::DeformableAttention(attention_options(config, temporal, temporal.frames * config.levels())) {}

Tensor Tmsda::attend(const Tensor& query, const Tensor& position, const Tensor& centres, const std::vector<Memory>& frames,
                     const std::vector<nn::ProjectedValue>& values) const {
  std::vector<Tensor> ratios;
  for (const Memory& frame : frames) ratios.push_back(frame.valid_ratios);
  const Tensor reference = centres.unsqueeze(2) * torch::cat(ratios, 1).unsqueeze(1);  // [1, N, T*L, 2]
  return forward(query, position, reference, values);
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

Tensor StdmeLayer::forward(const std::vector<Memory>& frames, const std::vector<Tensor>& values, std::size_t key, int first_level,
                           const Tensor& centres, const Tensor& position) {
  const Memory& memory = frames[key];
  const auto split = memory.shapes.begin() + first_level;
  const ops::LevelShapes finer(memory.shapes.begin(), split), coarser(split, memory.shapes.end());
  const std::int64_t start = ops::token_count(finer);
  const Tensor reference = centres.unsqueeze(2) * memory.valid_ratios.unsqueeze(1);  // [1, N, L, 2]
  const nn::ProjectedValue value = msda_->project(memory.tokens, memory.shapes, memory.padding, ops::token_count(coarser));
  Tensor x = norm1_->forward(msda_->forward(memory.tokens.slice(1, start), position, reference, value));
  Memory moved;  // what TMSDA reads of the key frame has changed from `first_level` on
  moved.tokens = x;
  moved.shapes = coarser;
  if (memory.padding.defined()) moved.padding = memory.padding.slice(1, start);
  std::vector<nn::ProjectedValue> parts;
  for (std::size_t f = 0; f < frames.size(); ++f) {
    if (f != key) {
      parts.push_back({values[f], frames[f].shapes});
      continue;
    }
    if (first_level > 0) parts.push_back({values[f].slice(1, 0, start), finer});
    parts.push_back({tmsda_->values(moved, x.size(1)), coarser});
  }
  x = norm2_->forward(tmsda_->attend(x, position, centres, frames, parts));
  x = norm3_->forward(ffn_->forward(x));
  return first_level == 0 ? x : torch::cat({memory.tokens.slice(1, 0, start), x}, 1);
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
  const std::int64_t queries = ops::token_count({memory.shapes.begin() + first_level_, memory.shapes.end()});
  for (const auto& layer : layers_) values.push_back(layer->values(memory, queries));
  return values;
}

Memory Stdme::forward(const std::vector<Memory>& window, std::size_t key, std::vector<std::vector<Tensor>> values) {
  values.resize(window.size());
  for (std::size_t f = 0; f < window.size(); ++f) {
    if (values[f].empty()) values[f] = this->values(window[f]);
  }
  std::vector<Memory> frames = window;
  const ops::LevelShapes& shapes = window[key].shapes;
  std::vector<Tensor> positions;
  for (auto l = static_cast<std::size_t>(first_level_); l < shapes.size(); ++l) {
    const std::int64_t count = shapes[l].height * shapes[l].width, channels = level_embed_.size(1);
    positions.push_back(level_embed_[static_cast<std::int64_t>(l)].view({1, 1, channels}).expand({1, count, channels}));
  }
  const Tensor position = torch::cat(positions, 1);                                                        // [1, N, C]
  const Tensor centres = ops::cell_centres(shapes, window[key].valid_ratios).slice(1, -position.size(1));  // [1, N, 2]
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::vector<Tensor> of_layer;
    for (const auto& frame : values) of_layer.push_back(frame[i]);
    frames[key].tokens = layers_[i]->forward(frames, of_layer, key, first_level_, centres, position);
  }
  return frames[key];
}

}  // namespace vepe::model
