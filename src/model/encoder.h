#pragma once

#include "model/config.h"
#include "model/outputs.h"
#include "model/stages.h"
#include "nn/attention.h"
#include "nn/blocks.h"

namespace vepe::model {

// One post-norm layer: deformable self-attention, norm, feed-forward, norm.
class EncoderLayer : public torch::nn::Module {
 public:
  EncoderLayer(const ModelConfig& config, std::int64_t levels, std::int64_t points);
  // tokens, position [B, S, C] (position may be undefined), reference [B, S, L, 2] -> [B, S, C]
  Tensor forward(const Tensor& tokens, const Tensor& position, const Tensor& reference, const ops::LevelShapes& shapes,
                 const Tensor& padding);

 private:
  std::shared_ptr<nn::DeformableAttention> self_attn_;
  std::shared_ptr<nn::FeedForward> ffn_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
};

// The spatial encoder: neck levels to memory. With no layers it only puts the levels into one token axis.
class Encoder : public torch::nn::Module {
 public:
  explicit Encoder(const ModelConfig& config);

  // levels: L x [B, C, H_l, W_l]; `padding_mask` [B, H, W] bool of the network input, undefined when nothing is padded.
  Memory forward(const std::vector<Tensor>& levels, const Tensor& padding_mask, Stages* stages = nullptr);

 private:
  std::int64_t channels_;
  Tensor level_embed_;  // [L, C], named level_embed
  std::vector<std::shared_ptr<EncoderLayer>> layers_;
};

}  // namespace vepe::model
