#pragma once

#include "model/config.h"
#include "nn/attention.h"
#include "nn/blocks.h"

namespace vepe::model {

using torch::Tensor;

// One post-norm decoder layer of PETR: self-attention (q = k = x + position, v = x), norm, deformable cross-attention
// (residual inside), norm, feed-forward (residual inside), norm.
class DecoderLayer : public torch::nn::Module {
 public:
  // pose = true: one sampling point a keypoint of the pose; otherwise `points` points around one reference point.
  DecoderLayer(const ModelConfig& config, bool pose, std::int64_t points);

  nn::ProjectedValue project(const Tensor& tokens, const ops::LevelShapes& shapes, const Tensor& padding) const {
    return cross_attn_->project(tokens, shapes, padding);
  }
  // query, position [B, N, C] attend to each other; groups > 1 splits N into that many sets which do not see each other.
  Tensor forward(const Tensor& query, const Tensor& position, const Tensor& reference, const nn::ProjectedValue& value,
                 std::int64_t groups = 1);

 private:
  std::shared_ptr<nn::MultiHeadAttention> self_attn_;
  std::shared_ptr<nn::DeformableAttention> cross_attn_;
  std::shared_ptr<nn::FeedForward> ffn_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr};
};

}  // namespace vepe::model
