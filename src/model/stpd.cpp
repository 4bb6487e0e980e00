#include "model/stpd.h"

#include "model/keypoint_step.h"
#include "model/pose_decoder.h"
#include "model/proposals.h"

namespace vepe::model {

PoseHeads::PoseHeads(const ModelConfig& config) : step_(config.pose_decoder.step) {
  const std::int64_t C = config.channels, hidden = config.pose_decoder.head_hidden;
  score_ = register_module("score", torch::nn::Linear(C, 1));
  keypoints_ = register_module(
      "keypoints", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{C, hidden, hidden, hidden, 2 * config.keypoint_count}));
  for (auto& last : {score_, keypoints_->last()}) {
    torch::nn::init::zeros_(last->weight);
    torch::nn::init::zeros_(last->bias);
  }
}

TemporalLayer PoseHeads::forward(const Tensor& query, const Tensor& keypoints, const Tensor& score_logit) {
  TemporalLayer layer;
  layer.score_logit = score_logit + score_->forward(query).squeeze(-1);
  const Tensor reference = keypoints.detach();
  layer.keypoints = move_keypoints(reference, keypoints_->forward(query).view_as(reference), step_);  // eq. 4
  return layer;
}

Stpd::Stpd(const ModelConfig& config, const TemporalConfig& temporal) {
  const std::int64_t C = config.channels, K = config.keypoint_count;
  position_ = register_module("position", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{2 * K + 4, C, C}));
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  auto heads = register_module("heads", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < temporal.stpd_layers; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<DecoderLayer>(config, true, K)));
    heads_.push_back(heads->register_module(std::to_string(i), std::make_shared<PoseHeads>(config)));
  }
}

std::vector<TemporalLayer> Stpd::forward(const Tensor& query, const Tensor& keypoints, const Tensor& score_logit,
                                         const Memory& memory) {
  std::vector<TemporalLayer> outputs;
  Tensor x = query.unsqueeze(0), current = keypoints.detach();  // [1, R, C], [R, K, 2]
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Tensor pose = current.unsqueeze(0);
    const Tensor position = position_->forward(pose_shape(pose));
    const nn::ProjectedValue value = layers_[i]->project(memory.tokens, memory.shapes, memory.padding);
    x = layers_[i]->forward(x, position, pose_reference(pose, memory.valid_ratios), value);
    outputs.push_back(heads_[i]->forward(x.squeeze(0), current, score_logit));
    current = outputs.back().keypoints.detach();
  }
  return outputs;
}

}  // namespace vepe::model
