#pragma once

#include "model/decoder_layer.h"
#include "model/outputs.h"
#include "model/stages.h"

namespace vepe::model {

// Reference points of a pose on every level: keypoints [B, N, K, 2] times valid ratios [B, L, 2] -> [B, N, L, K, 2].
Tensor pose_reference(const Tensor& keypoints, const Tensor& valid_ratios);

// PETR's pose decoder: layers of {self-attention over poses, pose attention on the memory, feed-forward}; after each
// one the pose is refined (keypoint_step.h) and detached for the next.
class PoseDecoder : public torch::nn::Module {
 public:
  explicit PoseDecoder(const ModelConfig& config);

  // `content` [B, N, C] for dense proposals (positions come from the current pose); undefined for "encoder" proposals,
  // whose content and position are learned.
  std::vector<PoseLayer> forward(const Memory& memory, const Proposals& proposals, const Tensor& content, Stages* stages = nullptr);

 private:
  std::int64_t channels_;
  std::string step_;                   // unit of move_keypoints
  Tensor query_embedding_;             // [N, 2C], position first ("encoder" proposals)
  std::shared_ptr<nn::Mlp> position_;  // of the current pose ("dense" proposals)
  std::vector<std::shared_ptr<DecoderLayer>> layers_;
  std::vector<torch::nn::Linear> score_heads_;
  std::vector<std::shared_ptr<nn::Mlp>> keypoint_heads_;
};

}  // namespace vepe::model
