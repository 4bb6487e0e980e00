#include "model/pose_decoder.h"

#include <cmath>

#include "model/keypoint_step.h"
#include "model/proposals.h"

namespace vepe::model {

Tensor pose_reference(const Tensor& keypoints, const Tensor& valid_ratios) {
  return keypoints.unsqueeze(2) * valid_ratios.unsqueeze(1).unsqueeze(3);
}

PoseDecoder::PoseDecoder(const ModelConfig& config) : channels_(config.channels), step_(config.pose_decoder.step) {
  const std::int64_t C = config.channels, K = config.keypoint_count, hidden = config.pose_decoder.head_hidden;
  if (config.dense()) {
    position_ = register_module("position", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{2 * K + 4, C, C}));
  } else {
    query_embedding_ = register_parameter("query_embedding", torch::randn({config.proposals.queries, 2 * C}));
  }
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  auto scores = register_module("score_heads", std::make_shared<torch::nn::Module>());
  auto keypoints = register_module("keypoint_heads", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < config.pose_decoder.layers; ++i) {
    const std::string name = std::to_string(i);
    layers_.push_back(layers->register_module(name, std::make_shared<DecoderLayer>(config, true, K)));
    score_heads_.push_back(scores->register_module(name, torch::nn::Linear(C, 1)));
    keypoint_heads_.push_back(
        keypoints->register_module(name, std::make_shared<nn::Mlp>(std::vector<std::int64_t>{C, hidden, hidden, hidden, 2 * K})));
    // Every head starts as the first one does: p = 0.01 (or, on top of a dense score, no change), no movement.
    if (config.dense()) {
      torch::nn::init::zeros_(score_heads_.back()->weight);
      torch::nn::init::zeros_(score_heads_.back()->bias);
    } else {
      torch::nn::init::constant_(score_heads_.back()->bias, -std::log((1 - 0.01) / 0.01));
    }
    torch::nn::init::zeros_(keypoint_heads_.back()->last()->weight);
    torch::nn::init::zeros_(keypoint_heads_.back()->last()->bias);
    if (i > 0) {
      torch::NoGradGuard no_grad;
      keypoint_heads_[static_cast<std::size_t>(i)]->copy_from(*keypoint_heads_[0]);
      score_heads_[static_cast<std::size_t>(i)]->weight.copy_(score_heads_[0]->weight);
    }
  }
}

std::vector<PoseLayer> PoseDecoder::forward(const Memory& memory, const Proposals& proposals, const Tensor& content,
                                            Stages* stages) {
  const std::int64_t B = memory.tokens.size(0), N = proposals.initial_keypoints.size(1), C = channels_;
  Tensor query = content, position;
  if (query_embedding_.defined()) {
    const Tensor learned = query_embedding_.slice(0, 0, N).unsqueeze(0).expand({B, N, 2 * C});
    position = learned.slice(2, 0, C);
    query = learned.slice(2, C, 2 * C);
  }
  Tensor reference = proposals.initial_keypoints;  // [B, N, K, 2]
  record(stages, "pose_decoder.initial_keypoints", reference.flatten(2));
  std::vector<PoseLayer> outputs;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (position_) position = position_->forward(pose_shape(reference));
    const nn::ProjectedValue value = layers_[i]->project(memory.tokens, memory.shapes, memory.padding);
    query = layers_[i]->forward(query, position, pose_reference(reference, memory.valid_ratios), value);
    PoseLayer layer;
    layer.query = query;
    layer.score_logit = score_heads_[i]->forward(query).squeeze(-1);
    if (proposals.seed_logit.defined()) layer.score_logit = layer.score_logit + proposals.seed_logit;
    layer.keypoints = move_keypoints(reference, keypoint_heads_[i]->forward(query).view_as(reference), step_);
    reference = layer.keypoints.detach();
    if (stages) {
      const std::string name = "pose_decoder.layer" + std::to_string(i);
      record(stages, name + ".query", layer.query);
      record(stages, name + ".score_logit", layer.score_logit.unsqueeze(-1));
      record(stages, name + ".keypoints", layer.keypoints.flatten(2));
    }
    outputs.push_back(std::move(layer));
  }
  return outputs;
}

}  // namespace vepe::model
