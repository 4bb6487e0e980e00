#include "model/decoder_layer.h"

namespace vepe::model {

DecoderLayer::DecoderLayer(const ModelConfig& config, bool pose, std::int64_t points) {
  const nn::DeformableAttention::Options options{config.channels, config.heads, config.levels(), points, pose, config.dropout};
  self_attn_ =
      register_module("self_attn", std::make_shared<nn::MultiHeadAttention>(config.channels, config.heads, config.dropout));
  cross_attn_ = register_module("cross_attn", std::make_shared<nn::DeformableAttention>(options));
  ffn_ = register_module("ffn", std::make_shared<nn::FeedForward>(config.channels, config.feed_forward, config.dropout));
  const auto norm = [&] { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})); };
  norm1_ = register_module("norm1", norm());
  norm2_ = register_module("norm2", norm());
  norm3_ = register_module("norm3", norm());
}

Tensor DecoderLayer::forward(const Tensor& query, const Tensor& position, const Tensor& reference, const nn::ProjectedValue& value,
                             std::int64_t groups) {
  const std::int64_t B = query.size(0), N = query.size(1), C = query.size(2);
  const auto grouped = [&](const Tensor& x) { return groups == 1 ? x : x.reshape({B * groups, N / groups, C}); };
  const Tensor keys = grouped(query + position);
  Tensor x = query + self_attn_->forward(keys, keys, grouped(query)).reshape({B, N, C});
  x = norm1_->forward(x);
  x = norm2_->forward(cross_attn_->forward(x, position, reference, value));
  return norm3_->forward(ffn_->forward(x));
}

}  // namespace vepe::model
