#include "model/encoder.h"

#include "ops/position.h"

namespace vepe::model {

EncoderLayer::EncoderLayer(const ModelConfig& config, std::int64_t levels, std::int64_t points) {
  nn::DeformableAttention::Options options{config.channels, config.heads, levels, points, false, config.dropout};
  self_attn_ = register_module("self_attn", std::make_shared<nn::DeformableAttention>(options));
  ffn_ = register_module("ffn", std::make_shared<nn::FeedForward>(config.channels, config.feed_forward, config.dropout));
  norm1_ = register_module("norm1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})));
  norm2_ = register_module("norm2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})));
}

Tensor EncoderLayer::forward(const Tensor& tokens, const Tensor& position, const Tensor& reference, const ops::LevelShapes& shapes,
                             const Tensor& padding) {
  const Tensor attended =
      norm1_->forward(self_attn_->forward(tokens, position, reference, self_attn_->project(tokens, shapes, padding)));
  return norm2_->forward(ffn_->forward(attended));
}

Encoder::Encoder(const ModelConfig& config) : channels_(config.channels) {
  if (config.encoder.layers == 0) return;
  level_embed_ = register_parameter("level_embed", torch::randn({config.levels(), config.channels}));
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < config.encoder.layers; ++i) {
    layers_.push_back(
        layers->register_module(std::to_string(i), std::make_shared<EncoderLayer>(config, config.levels(), config.encoder.points)));
  }
}

Memory Encoder::forward(const std::vector<Tensor>& levels, const Tensor& padding_mask, Stages* stages) {
  Memory memory;
  std::vector<Tensor> tokens, positions, masks, flat_masks;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const Tensor& level = levels[l];
    const std::int64_t B = level.size(0), H = level.size(2), W = level.size(3);
    memory.shapes.push_back({H, W});
    tokens.push_back(level.to(torch::kFloat).flatten(2).transpose(1, 2));  // [B, H W, C]
    Tensor mask = torch::zeros({B, H, W}, torch::TensorOptions().dtype(torch::kBool).device(level.device()));
    if (padding_mask.defined()) {
      mask = at::upsample_nearest2d(padding_mask.unsqueeze(1).to(torch::kFloat), {H, W}).squeeze(1).to(torch::kBool);
    }
    masks.push_back(mask);
    flat_masks.push_back(mask.flatten(1));
    if (!layers_.empty()) {
      const Tensor position = ops::sine_position(mask, channels_);
      const std::string suffix = "level" + std::to_string(l);
      if (stages) {
        record(stages, "mask." + suffix, mask);
        record(stages, "position." + suffix, position.transpose(1, 2).reshape({B, channels_, H, W}));
      }
      positions.push_back(position + level_embed_[static_cast<std::int64_t>(l)]);
    }
  }
  memory.tokens = torch::cat(tokens, 1);
  if (padding_mask.defined()) memory.padding = torch::cat(flat_masks, 1);
  memory.valid_ratios = ops::valid_ratios(masks);
  record(stages, "valid_ratios", memory.valid_ratios);
  if (layers_.empty()) return memory;

  const Tensor position = torch::cat(positions, 1);
  const Tensor reference = ops::encoder_reference_points(memory.shapes, memory.valid_ratios);
  record(stages, "encoder.reference_points", reference);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    memory.tokens = layers_[i]->forward(memory.tokens, position, reference, memory.shapes, memory.padding);
    record(stages, "encoder.layer" + std::to_string(i), memory.tokens);
  }
  record(stages, "memory", memory.tokens);
  return memory;
}

}  // namespace vepe::model
