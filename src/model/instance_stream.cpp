#include "model/instance_stream.h"

#include "model/pose_decoder.h"
#include "model/proposals.h"

namespace vepe::model {

InstanceLayer::InstanceLayer(const ModelConfig& config) {
  const nn::DeformableAttention::Options options{config.channels,       config.heads, config.levels(),
                                                 config.keypoint_count, true,         config.dropout};
  self_attn_ =
      register_module("self_attn", std::make_shared<nn::MultiHeadAttention>(config.channels, config.heads, config.dropout));
  cross_attn_ = register_module("cross_attn", std::make_shared<nn::DeformableAttention>(options));
  ffn_ = register_module("ffn", std::make_shared<nn::FeedForward>(config.channels, config.feed_forward, config.dropout));
  const auto norm = [&] { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})); };
  norm1_ = register_module("norm1", norm());
  norm2_ = register_module("norm2", norm());
  norm3_ = register_module("norm3", norm());
}

Tensor InstanceLayer::forward(const Tensor& instance, const Tensor& pose, const Tensor& position, const Tensor& reference,
                              const Memory& memory) {
  const Tensor query = instance + position;
  const Tensor keys = torch::cat({query, pose + position}, 1), values = torch::cat({instance, pose}, 1);  // [B, 2N, C]
  Tensor x = norm1_->forward(instance + self_attn_->forward(query, keys, values));
  const nn::ProjectedValue value = cross_attn_->project(memory.tokens, memory.shapes, memory.padding);
  x = norm2_->forward(cross_attn_->forward(x, position, reference, value));
  return norm3_->forward(ffn_->forward(x));
}

InstanceStream::InstanceStream(const ModelConfig& config, const TemporalConfig& temporal) {
  const std::int64_t C = config.channels, K = config.keypoint_count;
  query_embedding_ = register_parameter("query_embedding", torch::randn({config.dense() ? 1 : config.proposals.queries, C}));
  if (config.dense()) from_pose_ = register_module("from_pose", nn::xavier_linear(C, C));
  position_ = register_module("position", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{2 * K + 4, C, C}));
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < temporal.instance_layers; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<InstanceLayer>(config)));
  }
  out_ = register_module("out", nn::xavier_linear(C, C));
}

Tensor InstanceStream::forward(const Memory& memory, const Tensor& pose, const Tensor& keypoints) {
  const std::int64_t B = pose.size(0), N = pose.size(1), C = pose.size(2);
  const Tensor points = keypoints.detach();
  Tensor x;  // [B, N, C]
  if (from_pose_.is_empty()) {
    ops::expect_shape(pose, {B, std::min(N, query_embedding_.size(0)), C}, "instance stream, pose queries");
    x = query_embedding_.slice(0, 0, N).unsqueeze(0).expand({B, N, C});
  } else {
    x = query_embedding_ + from_pose_->forward(pose);
  }
  const Tensor position = position_->forward(pose_shape(points));
  const Tensor reference = pose_reference(points, memory.valid_ratios);
  for (const auto& layer : layers_) x = layer->forward(x, pose, position, reference, memory);
  x = out_->forward(x);
  return x / x.square().sum(-1, true).clamp_min(1e-12).sqrt();
}

}  // namespace vepe::model
