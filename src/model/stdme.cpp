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

Tensor Tmsda::attend(const Tensor& query, const Tensor& position, const Tensor& centres, const std::vector<Memory>& frames) {
  bool padded = false;
  for (const Memory& frame : frames) padded = padded || frame.padding.defined();
  std::vector<Tensor> tokens, padding, ratios;
  ops::LevelShapes shapes;  // T * L levels
  for (const Memory& frame : frames) {
    tokens.push_back(frame.tokens);
    ratios.push_back(frame.valid_ratios);
    shapes.insert(shapes.end(), frame.shapes.begin(), frame.shapes.end());
    if (!padded) continue;
    const auto options = frame.tokens.options().dtype(torch::kBool);
    padding.push_back(frame.padding.defined() ? frame.padding : torch::zeros({1, frame.tokens.size(1)}, options));
  }
  const nn::ProjectedValue value = project(torch::cat(tokens, 1), shapes, padded ? torch::cat(padding, 1) : Tensor());
  const Tensor reference = centres.unsqueeze(2) * torch::cat(ratios, 1).unsqueeze(1);  // [1, N, T*L, 2]
  return forward(query, position, reference, value);
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

Tensor StdmeLayer::forward(std::vector<Memory> frames, std::size_t key, std::int64_t start, const Tensor& centres, const Tensor& position) {
  const Memory memory = frames[key];
  const Tensor reference = centres.unsqueeze(2) * memory.valid_ratios.unsqueeze(1);  // [1, S - start, L, 2]
  const nn::ProjectedValue value = msda_->project(memory.tokens, memory.shapes, memory.padding);
  Tensor x = norm1_->forward(msda_->forward(memory.tokens.slice(1, start), position, reference, value));
  frames[key].tokens = with_rest(memory.tokens, start, x);
  x = norm2_->forward(tmsda_->attend(x, position, centres, frames));
  return with_rest(memory.tokens, start, norm3_->forward(ffn_->forward(x)));
}

Stdme::Stdme(const ModelConfig& config, const TemporalConfig& temporal) : first_level_(temporal.stdme_first_level) {
  level_embed_ = register_parameter("level_embed", torch::randn({config.levels(), config.channels}));
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < temporal.stdme_layers; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<StdmeLayer>(config, temporal)));
  }
}

Memory Stdme::forward(const std::vector<Memory>& window, std::size_t key) {
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
  const Tensor position = torch::cat(positions, 1);                                                     // [1, S - start, C]
  const Tensor centres = ops::cell_centres(shapes, window[key].valid_ratios).slice(1, start);           // [1, S - start, 2]
  for (const auto& layer : layers_) frames[key].tokens = layer->forward(frames, key, start, centres, position);
  return frames[key];
}

}  // namespace vepe::model
