#pragma once

#include "model/backbone/backbone.h"
#include "model/config.h"
#include "model/encoder.h"
#include "model/joint_decoder.h"
#include "model/neck.h"
#include "model/outputs.h"
#include "model/pose_decoder.h"
#include "model/proposals.h"
#include "model/small_trunk.h"
#include "model/stages.h"

namespace vepe::model {

// PETR's training-only branch: the first memory level through one encoder layer of its own, then K heatmap logits.
class HeatmapBranch : public torch::nn::Module {
 public:
  explicit HeatmapBranch(const ModelConfig& config);
  Tensor forward(const Memory& memory);  // [B, K, H_0, W_0]

 private:
  std::shared_ptr<EncoderLayer> layer_;
  torch::nn::Linear out_{nullptr};
};

// The best people of B frames after the joint decoder.
struct Detections {
  Tensor query_index;      // [B, R] int64
  Tensor scores;           // [B, R] falling
  Tensor keypoints;        // [B, R, K, 2] x, y in 0..1 of the real image
  Tensor keypoint_scores;  // [B, R, K]; the pose score where the model has none of its own
};

// The spatial phase: PETR on single frames. Reads as the paper's Figure 2, upper half.
class SpatialModel : public torch::nn::Module {
 public:
  explicit SpatialModel(const ModelConfig& config);

  const ModelConfig& config() const { return config_; }

  // (pixels - mean) / std, fp32. images [B, 3, H, W] RGB 0..255 of any type.
  Tensor normalise(const Tensor& images) const;

  // images [B, 3, H, W] normalised; sizes [B, 2] fp32 real height and width (the rest of H x W is padding).
  SpatialOutput forward(const Tensor& images, const Tensor& sizes, Stages* stages = nullptr);

  // The joint decoder on chosen poses of the last pose layer: query_index [B, R] int64 -> one answer per layer.
  // Empty when the model has no joint decoder.
  std::vector<JointLayer> refine(const SpatialOutput& output, const Tensor& query_index, Stages* stages = nullptr);

  // The `count` best poses of each frame, refined.
  Detections detect(const SpatialOutput& output, std::int64_t count, Stages* stages = nullptr);

  // Convolutions run in bf16 from now on, weights included; for inference only.
  void use_bfloat16();
  // Convolutions of the small trunk compute in bf16 while weights and gradients stay fp32; for training.
  void compute_in_bfloat16(bool on);

 private:
  ModelConfig config_;
  std::shared_ptr<Backbone> backbone_;  // null with the small trunk
  std::shared_ptr<SmallTrunk> trunk_;   // registered as backbone too
  std::shared_ptr<Neck> neck_;
  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<EncoderProposals> encoder_proposals_;
  std::shared_ptr<DenseProposals> dense_proposals_;
  std::shared_ptr<PoseDecoder> pose_decoder_;
  std::shared_ptr<JointDecoder> joint_decoder_;
  std::shared_ptr<HeatmapBranch> heatmap_;
  torch::ScalarType backbone_type_ = torch::kFloat;
};

}  // namespace vepe::model
