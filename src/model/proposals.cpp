#include "model/proposals.h"

#include <cmath>

#include "model/dense_poses.h"
#include "model/keypoint_step.h"
#include "ops/position.h"

namespace vepe::model {

EncoderProposals::EncoderProposals(const ModelConfig& config)
    : queries_(config.proposals.queries), keypoints_(config.keypoint_count), first_level_(config.proposals.first_level) {
  const std::int64_t C = config.channels, hidden = config.pose_decoder.head_hidden;
  memory_proj_ = register_module("memory_proj", nn::xavier_linear(C, C));
  memory_norm_ = register_module("memory_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({C})));
  score_ = register_module("score", torch::nn::Linear(C, 1));
  torch::nn::init::constant_(score_->bias, -std::log((1 - 0.01) / 0.01));  // p = 0.01
  keypoint_head_ = register_module("keypoint_head",
                                   std::make_shared<nn::Mlp>(std::vector<std::int64_t>{C, hidden, hidden, hidden, 2 * keypoints_}));
  torch::nn::init::zeros_(keypoint_head_->last()->weight);
  torch::nn::init::zeros_(keypoint_head_->last()->bias);
}

Proposals EncoderProposals::forward(const Memory& memory, Stages* stages) {
  // Finer levels propose nobody, so they are not trained to either: they would take the people away from the others.
  const std::int64_t skipped = ops::token_count({memory.shapes.begin(), memory.shapes.begin() + first_level_});
  const Tensor source = memory.tokens.slice(1, skipped);  // [B, S, C]
  const std::int64_t B = source.size(0), S = source.size(1), K = keypoints_;
  const Tensor centres = ops::cell_centres(memory.shapes, memory.valid_ratios).slice(1, skipped);  // [B, S, 2]
  Tensor usable = ((centres > 0.01) & (centres < 0.99)).all(-1);                                   // [B, S]
  if (memory.padding.defined()) usable = usable & ~memory.padding.slice(1, skipped);
  const Tensor tokens = memory_norm_->forward(memory_proj_->forward(source * usable.unsqueeze(-1).to(torch::kFloat)));
  const Tensor centre_logit =
      torch::log(centres / (1 - centres)).masked_fill(~usable.unsqueeze(-1), std::numeric_limits<float>::infinity());
  record(stages, "proposals.memory", tokens);
  record(stages, "proposals.centre_logit", centre_logit);

  Proposals proposals;
  proposals.score_logit = score_->forward(tokens).squeeze(-1);                                        // [B, S]
  proposals.top_tokens = std::get<1>(proposals.score_logit.detach().topk(std::min(queries_, S), 1));  // [B, N]
  const std::int64_t N = proposals.top_tokens.size(1);
  const auto keypoints_of = [&](const Tensor& x, const Tensor& centre) {  // [B, *, C], [B, *, 2] -> [B, *, K, 2]
    return (keypoint_head_->forward(x).view({B, -1, K, 2}) + centre.unsqueeze(2)).sigmoid();
  };
  const auto pick = [&](const Tensor& x) {  // rows of the chosen tokens
    return x.gather(1, proposals.top_tokens.unsqueeze(-1).expand({B, N, x.size(2)}));
  };
  if (is_training() || stages) {
    proposals.keypoints = keypoints_of(tokens, centre_logit);
    proposals.initial_keypoints = pick(proposals.keypoints.detach().flatten(2)).view({B, N, K, 2});
  } else {
    proposals.initial_keypoints = keypoints_of(pick(tokens), pick(centre_logit)).detach();
  }
  if (stages) {
    record(stages, "proposals.score_logit", proposals.score_logit.unsqueeze(-1));
    record(stages, "proposals.keypoints", proposals.keypoints.flatten(2));
    record(stages, "proposals.topk", proposals.top_tokens);
  }
  return proposals;
}

Tensor pose_shape(const Tensor& keypoints) {
  const Tensor low = std::get<0>(keypoints.min(2)), high = std::get<0>(keypoints.max(2));  // [B, N, 2]
  const Tensor centre = (low + high) / 2, extent = high - low;
  return torch::cat({((keypoints - centre.unsqueeze(2)) / half_extent(keypoints)).flatten(2), centre, extent}, -1);
}

DenseProposals::DenseProposals(const ModelConfig& config) : queries_(config.proposals.queries) {
  const std::int64_t C = config.channels, K = config.keypoint_count;
  content_ = register_parameter("content", torch::randn({C}) * 0.1);
  feature_ = register_module("feature", nn::xavier_linear(C, C));
  pose_embedding_ =
      register_module("pose_embedding", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{2 * K + 4 + K + 1, C, C}));
}

DenseProposals::Output DenseProposals::forward(const DenseHeads& heads, const Memory& memory, const Tensor& sizes) {
  const DensePoses poses = decode_dense_heads(heads, queries_);
  const std::int64_t B = poses.scores.size(0), N = poses.scores.size(1), C = memory.tokens.size(2);
  Output output;
  output.proposals.dense = heads;
  const Tensor extent = sizes.flip(-1).view({B, 1, 1, 2});  // width, height
  output.proposals.initial_keypoints = (poses.keypoints / extent).clamp(0, 1);
  output.proposals.seed_logit = ops::inverse_sigmoid(poses.scores);

  const Tensor centre_memory = memory.tokens.gather(1, poses.centre_cells.unsqueeze(-1).expand({B, N, C}));
  const Tensor known =
      torch::cat({pose_shape(output.proposals.initial_keypoints), poses.keypoint_scores, poses.centre_scores.unsqueeze(-1)}, -1);
  output.content = content_ + feature_->forward(centre_memory) + pose_embedding_->forward(known);
  return output;
}

}  // namespace vepe::model
