#include "model/stpe.h"

#include "model/keypoint_step.h"
#include "model/proposals.h"

namespace vepe::model {

Tensor instance_mask(const Tensor& key, const Tensor& reference, double threshold) {
  const torch::NoGradGuard no_grad;
  const Tensor cosine = torch::matmul(key, reference.t());  // [N, R]
  const Tensor mask = torch::zeros_like(cosine, cosine.options().dtype(torch::kBool));
  if (cosine.numel() == 0) return mask;
  const auto [best, index] = cosine.max(1, true);  // [N, 1]
  return mask.scatter(1, index, best >= threshold);
}

Tensor track_mask(const Tensor& key, const Tensor& reference) {
  return (key.unsqueeze(1) == reference.unsqueeze(0)) & (key >= 0).unsqueeze(1);
}

StpeLayer::StpeLayer(const ModelConfig& config) {
  self_attn_ =
      register_module("self_attn", std::make_shared<nn::MultiHeadAttention>(config.channels, config.heads, config.dropout));
  cross_attn_ =
      register_module("cross_attn", std::make_shared<nn::MultiHeadAttention>(config.channels, config.heads, config.dropout));
  ffn_ = register_module("ffn", std::make_shared<nn::FeedForward>(config.channels, config.feed_forward, config.dropout));
  const auto norm = [&] { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.channels})); };
  norm1_ = register_module("norm1", norm());
  norm2_ = register_module("norm2", norm());
  norm3_ = register_module("norm3", norm());
}

Tensor StpeLayer::forward(const Tensor& query, const Tensor& position, const Tensor& reference_key, const Tensor& reference,
                          const Tensor& allowed, const Tensor& relation) {
  const Tensor keys = query + position;
  Tensor x = norm1_->forward(query + self_attn_->forward(keys, keys, query));
  x = norm2_->forward(x + cross_attn_->forward(x + position, reference_key, reference, allowed, relation));
  return norm3_->forward(ffn_->forward(x));
}

Stpe::Stpe(const ModelConfig& config, const TemporalConfig& temporal) : channels_(config.channels) {
  const std::int64_t C = config.channels, K = config.keypoint_count;
  frame_offset_ = register_parameter("frame_offset", torch::randn({temporal.frames - 1, C}) * 0.1);
  position_ = register_module("position", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{2 * K + 4, C, C}));
  const std::int64_t F = 4 * K + 3 + temporal.frames - 1;
  relation_ = register_module("relation", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{F, C, 2 * C}));
  share_ = register_module("share", std::make_shared<nn::Mlp>(std::vector<std::int64_t>{F + C, C, K + 1}));
  torch::nn::init::zeros_(share_->last()->weight);
  torch::nn::init::zeros_(share_->last()->bias);
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < temporal.stpe_layers; ++i) {
    layers_.push_back(layers->register_module(std::to_string(i), std::make_shared<StpeLayer>(config)));
  }
}

Tensor Stpe::position(const Tensor& keypoints) {
  return position_->forward(pose_shape(keypoints.detach().unsqueeze(0))).squeeze(0);
}

Stpe::Pairs Stpe::pairs_of(const KeptQueries& key, const std::vector<const KeptQueries*>& references) const {
  constexpr double kFarthest = 3;  // in half extents; people farther away are all the same
  const std::int64_t N = key.keypoints.size(0), reference_frames = frame_offset_.size(0);
  const Tensor own = key.keypoints.detach().unsqueeze(1), own_size = half_extent(own);  // [N, 1, K, 2], [N, 1, 1, 1]
  const Tensor own_score = key.score_logit.detach().view({N, 1, 1});
  // Scores of keypoints where there are some, else 0.
  const auto keypoint_scores = [](const KeptQueries& frame) {
    return frame.keypoint_scores.defined() ? frame.keypoint_scores.detach().to(frame.keypoints.scalar_type())
                                           : torch::zeros_like(frame.keypoints.select(2, 0));
  };
  const Tensor own_keypoint_scores = keypoint_scores(key).unsqueeze(1);  // [N, 1, K]
  std::vector<Tensor> moves, gains, features;
  for (std::size_t f = 0; f < references.size(); ++f) {
    const std::int64_t R = references[f]->keypoints.size(0);
    const Tensor other = references[f]->keypoints.detach().unsqueeze(0);  // [1, R, K, 2]
    const Tensor move = ((other - own) / own_size).clamp(-kFarthest, kFarthest);
    const Tensor growth = (half_extent(other) / own_size).log().clamp(-kFarthest, kFarthest).squeeze(3);
    const Tensor other_score = references[f]->score_logit.detach().view({1, R, 1});
    Tensor frame = torch::zeros({reference_frames}, move.options());
    frame[static_cast<std::int64_t>(f)] = 1;
    const Tensor other_keypoint_scores = keypoint_scores(*references[f]).unsqueeze(0);  // [1, R, K]
    moves.push_back(move * own_size);
    gains.push_back(other_keypoint_scores - own_keypoint_scores);
    features.push_back(torch::cat(
        {move.flatten(2), growth, own_score.expand({N, R, 1}), other_score.expand({N, R, 1}),
         own_keypoint_scores.expand({N, R, -1}), other_keypoint_scores.expand({N, R, -1}), frame.expand({N, R, reference_frames})},
        2));
  }
  return {torch::cat(moves, 1), torch::cat(gains, 1), torch::cat(features, 1)};
}

Tensor Stpe::shares(const Tensor& query, const Pairs& pairs, const Tensor& allowed) {
  const std::int64_t N = pairs.gain.size(0), R = pairs.gain.size(1), K = pairs.gain.size(2);
  const Tensor known = torch::cat({pairs.features, query.unsqueeze(1).expand({N, R, channels_})}, 2);
  const Tensor answer = share_->forward(known);  // [N, R, K + 1]
  // Before anything is learned the nearest poses count: e^-4 for keypoints half the person's extent away.
  constexpr double kFalloff = 4;
  const Tensor move = pairs.features.slice(2, 0, 2 * K);                            // in half extents
  Tensor weight = answer.slice(2, K) - kFalloff * 2 * move.square().mean(2, true);  // [N, R, 1]
  if (allowed.defined()) weight = weight.masked_fill(~allowed.unsqueeze(2), -1e4);
  weight = torch::softmax(weight, 1);
  if (allowed.defined()) weight = weight * allowed.unsqueeze(2).to(weight.scalar_type());
  return answer.slice(2, 0, K).tanh() * weight;
}

StpeOutput Stpe::forward(const std::vector<KeptQueries>& window, std::size_t key, const Tensor& allowed) {
  std::vector<Tensor> queries, keys;
  std::vector<const KeptQueries*> references;
  for (std::size_t f = 0; f < window.size(); ++f) {
    if (f == key) continue;
    const auto offset = frame_offset_[static_cast<std::int64_t>(queries.size())];
    queries.push_back(window[f].query);
    keys.push_back(window[f].query + position(window[f].keypoints) + offset);
    references.push_back(&window[f]);
  }
  const Tensor none = window[key].query.slice(0, 0, 0);
  const Tensor reference = queries.empty() ? none : torch::cat(queries), reference_key = keys.empty() ? none : torch::cat(keys);
  Tensor x = window[key].query.unsqueeze(0);  // [1, N, C]
  const Tensor own_position = position(window[key].keypoints).unsqueeze(0);
  const Tensor mask = allowed.defined() ? allowed.unsqueeze(0) : Tensor();
  // A window of one frame has no references.
  const Pairs pairs = references.empty() ? Pairs{} : pairs_of(window[key], references);
  const Tensor relation = references.empty() ? Tensor() : relation_->forward(pairs.features).unsqueeze(0);
  for (const auto& layer : layers_) {
    x = layer->forward(x, own_position, reference_key.unsqueeze(0), reference.unsqueeze(0), mask, relation);
  }
  StpeOutput output{x.squeeze(0), window[key].keypoints.detach(), window[key].keypoint_scores};
  if (reference.size(0) == 0 || output.query.size(0) == 0) return output;
  const Tensor share = shares(output.query, pairs, allowed);
  output.keypoints = output.keypoints + (share.unsqueeze(3) * pairs.move).sum(1);
  if (output.keypoint_scores.defined()) output.keypoint_scores = output.keypoint_scores + (share.abs() * pairs.gain).sum(1);
  return output;
}

}  // namespace vepe::model
