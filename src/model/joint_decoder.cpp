#include "model/joint_decoder.h"

#include "model/keypoint_step.h"

namespace vepe::model {

JointDecoder::JointDecoder(const ModelConfig& config)
    : channels_(config.channels), keypoints_(config.keypoint_count), step_(config.pose_decoder.step) {
  const std::int64_t C = config.channels;
  query_embedding_ = register_parameter("query_embedding", torch::randn({keypoints_, 2 * C}));
  if (config.joint_decoder.pose_query) {
    pose_query_ = register_module("pose_query", torch::nn::Linear(C, C));
    torch::nn::init::zeros_(pose_query_->weight);
    torch::nn::init::zeros_(pose_query_->bias);
  }
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  auto heads = register_module("keypoint_heads", std::make_shared<torch::nn::Module>());
  std::shared_ptr<torch::nn::Module> scores;
  if (config.joint_decoder.keypoint_scores) scores = register_module("score_heads", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < config.joint_decoder.layers; ++i) {
    const std::string name = std::to_string(i);
    layers_.push_back(layers->register_module(name, std::make_shared<DecoderLayer>(config, false, config.joint_decoder.points)));
    keypoint_heads_.push_back(heads->register_module(name, std::make_shared<nn::Mlp>(std::vector<std::int64_t>{C, C, C, 2})));
    torch::nn::init::zeros_(keypoint_heads_.back()->last()->weight);
    torch::nn::init::zeros_(keypoint_heads_.back()->last()->bias);
    if (scores) score_heads_.push_back(scores->register_module(name, torch::nn::Linear(C, 1)));
  }
}

std::vector<JointLayer> JointDecoder::forward(const Memory& memory, const Tensor& poses, const Tensor& pose_query, Stages* stages) {
  const std::int64_t B = poses.size(0), R = poses.size(1), K = keypoints_, C = channels_;
  const auto per_pose = [&](const Tensor& embedding) { return embedding.view({1, 1, K, C}).expand({B, R, K, C}); };
  const Tensor position = per_pose(query_embedding_.slice(1, 0, C)).reshape({B, R * K, C});
  Tensor query = per_pose(query_embedding_.slice(1, C, 2 * C));
  if (!pose_query_.is_empty()) query = query + pose_query_->forward(pose_query).unsqueeze(2);
  query = query.reshape({B, R * K, C});

  Tensor reference = poses.detach();
  record(stages, "joint_decoder.input_keypoints", reference.flatten(2));
  std::vector<JointLayer> outputs;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const nn::ProjectedValue value = layers_[i]->project(memory.tokens, memory.shapes, memory.padding);
    const Tensor points = reference.reshape({B, R * K, 1, 2}) * memory.valid_ratios.unsqueeze(1);  // [B, R K, L, 2]
    query = layers_[i]->forward(query, position, points, value, R);
    JointLayer layer;
    layer.keypoints = move_keypoints(reference, keypoint_heads_[i]->forward(query).view({B, R, K, 2}), step_);
    if (!score_heads_.empty()) layer.score_logits = score_heads_[i]->forward(query).view({B, R, K});
    reference = layer.keypoints.detach();
    if (stages) {
      const std::string name = "joint_decoder.layer" + std::to_string(i);
      record(stages, name + ".query", query.view({B, R, K, C}));
      record(stages, name + ".keypoints", layer.keypoints);
    }
    outputs.push_back(std::move(layer));
  }
  return outputs;
}

}  // namespace vepe::model
