#pragma once

#include "model/decoder_layer.h"
#include "model/outputs.h"
#include "model/temporal_config.h"

namespace vepe::model {

// One layer of the instance stream, post-norm as PETR's: instance queries attend to instance and pose queries, then to the
// memory at the pose's keypoints, then feed-forward.
class InstanceLayer : public torch::nn::Module {
 public:
  explicit InstanceLayer(const ModelConfig& config);
  // instance, pose, position [B, N, C] (one position for both, they stand for the same person); reference [B, N, L, K, 2].
  Tensor forward(const Tensor& instance, const Tensor& pose, const Tensor& position, const Tensor& reference, const Memory& memory);

 private:
  std::shared_ptr<nn::MultiHeadAttention> self_attn_;
  std::shared_ptr<nn::DeformableAttention> cross_attn_;
  std::shared_ptr<nn::FeedForward> ffn_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr};
};

// The instance queries of the instance consistency mechanism (ICM), paper section 3.6: one to one with the pose queries,
// they end as embeddings whose cosine says whether two poses of different frames are the same person. The stream reads
// the pose stream and never writes to it.
class InstanceStream : public torch::nn::Module {
 public:
  InstanceStream(const ModelConfig& config, const TemporalConfig& temporal);

  // pose [B, N, C] final pose queries, keypoints [B, N, K, 2] (detached inside) -> [B, N, C], rows of length 1.
  // N may be smaller than the model's number of queries, not larger.
  Tensor forward(const Memory& memory, const Tensor& pose, const Tensor& keypoints);

 private:
  Tensor query_embedding_;                // [N, C]; [1, C] with dense proposals, whose queries have no fixed place in the list
  torch::nn::Linear from_pose_{nullptr};  // dense proposals only
  std::shared_ptr<nn::Mlp> position_;     // of the pose
  std::vector<std::shared_ptr<InstanceLayer>> layers_;
  torch::nn::Linear out_{nullptr};
};

}  // namespace vepe::model
