#pragma once

#include "model/decoder_layer.h"
#include "model/outputs.h"
#include "model/stages.h"

namespace vepe::model {

// One joint-decoder layer's answer for R chosen poses.
struct JointLayer {
  Tensor keypoints;     // [B, R, K, 2]
  Tensor score_logits;  // [B, R, K]; undefined unless the config asks for keypoint scores
};

// PETR's joint decoder: the K keypoints of one pose are tokens that attend to each other and to the memory around
// their own place. The value projection is made once a frame and shared by all poses.
class JointDecoder : public torch::nn::Module {
 public:
  explicit JointDecoder(const ModelConfig& config);

  // poses [B, R, K, 2] (detached inside); pose_query [B, R, C] is read only with `joint_decoder.pose_query`.
  std::vector<JointLayer> forward(const Memory& memory, const Tensor& poses, const Tensor& pose_query, Stages* stages = nullptr);

 private:
  std::int64_t channels_, keypoints_;
  std::string step_;        // unit of move_keypoints
  Tensor query_embedding_;  // [K, 2C], position first
  torch::nn::Linear pose_query_{nullptr};
  std::vector<std::shared_ptr<DecoderLayer>> layers_;
  std::vector<std::shared_ptr<nn::Mlp>> keypoint_heads_;
  std::vector<torch::nn::Linear> score_heads_;
};

}  // namespace vepe::model
