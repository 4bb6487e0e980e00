#pragma once

#include "model/decoder_layer.h"
#include "model/temporal_config.h"
#include "model/temporal_outputs.h"

namespace vepe::model {

// A score and a pose from a query, both as changes of what is there already: score logit + dS, and eq. 4,
// sigmoid(logit(Q) + dQ). The paper's score head starts from nothing; this one starts from the spatial score, so that an
// untrained temporal phase answers what the spatial phase answers.
class PoseHeads : public torch::nn::Module {
 public:
  explicit PoseHeads(const ModelConfig& config);
  // query [R, C], keypoints [R, K, 2] (detached inside), score_logit [R]
  TemporalLayer forward(const Tensor& query, const Tensor& keypoints, const Tensor& score_logit);

 private:
  std::string step_;  // unit of move_keypoints
  torch::nn::Linear score_{nullptr};
  std::shared_ptr<nn::Mlp> keypoints_;
};

// Spatio-temporal pose decoder (STPD), paper section 3.5, Figure 4: layers of {self pose-pose attention, eq. 2; deformable
// feature-to-pose attention on the temporal memory, eq. 3; feed-forward}; each one refines the pose of the last (eq. 4).
class Stpd : public torch::nn::Module {
 public:
  Stpd(const ModelConfig& config, const TemporalConfig& temporal);

  // query [R, C] from STPE; keypoints [R, K, 2] and score_logit [R] of the key frame's spatial phase; memory with B = 1.
  // One answer a layer. R may be 0.
  std::vector<TemporalLayer> forward(const Tensor& query, const Tensor& keypoints, const Tensor& score_logit, const Memory& memory);

 private:
  std::shared_ptr<nn::Mlp> position_;  // of the current pose
  std::vector<std::shared_ptr<DecoderLayer>> layers_;
  std::vector<std::shared_ptr<PoseHeads>> heads_;
};

}  // namespace vepe::model
