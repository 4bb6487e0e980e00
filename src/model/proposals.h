#pragma once

#include "model/config.h"
#include "model/outputs.h"
#include "model/stages.h"
#include "nn/blocks.h"

namespace vepe::model {

// Two-stage proposals of PETR: every memory token of the levels from `first_level` on (the proposing tokens) is scored;
// the keypoints of the best N of them start the queries.
class EncoderProposals : public torch::nn::Module {
 public:
  explicit EncoderProposals(const ModelConfig& config);
  // Training and `stages` ask for the keypoints of all tokens; otherwise the keypoint head runs on the chosen N only.
  Proposals forward(const Memory& memory, Stages* stages = nullptr);

 private:
  std::int64_t queries_, keypoints_, first_level_;
  torch::nn::Linear memory_proj_{nullptr}, score_{nullptr};
  torch::nn::LayerNorm memory_norm_{nullptr};
  std::shared_ptr<nn::Mlp> keypoint_head_;
};

// Proposals of the small trunk: the best N peaks of its dense heads, with their keypoints refined by the heatmaps.
// The query content is made of what the heads know of the person: the memory at the centre, the shape of the pose,
// the keypoint scores.
class DenseProposals : public torch::nn::Module {
 public:
  explicit DenseProposals(const ModelConfig& config);

  struct Output {
    Proposals proposals;
    Tensor content;  // [B, N, C]
  };
  // `sizes` [B, 2] fp32: real height and width of each frame, pixels. Level 0 of the memory must be the stride-4 map.
  Output forward(const DenseHeads& heads, const Memory& memory, const Tensor& sizes);

 private:
  std::int64_t queries_;
  Tensor content_;  // [C], named content
  torch::nn::Linear feature_{nullptr};
  std::shared_ptr<nn::Mlp> pose_embedding_;
};

// A pose's shape for an embedding: keypoints relative to the centre of their extent in units of half its larger side,
// the centre in 0..1, the extent. [B, N, K, 2] -> [B, N, 2K + 4]
Tensor pose_shape(const Tensor& keypoints);

}  // namespace vepe::model
