#pragma once

#include "model/config.h"
#include "model/temporal_config.h"
#include "model/temporal_outputs.h"
#include "nn/attention.h"
#include "nn/blocks.h"

namespace vepe::model {

// The instance mask of one reference frame, paper sections 3.3 and 3.6: key instance i may attend to
// j* = argmax_j cos(i, j) and to nobody else, and only if that cosine is at least `threshold`.
// Rows of length 1: key [N, C], reference [R, C] -> [N, R] bool. No gradient; R may be 0.
Tensor instance_mask(const Tensor& key, const Tensor& reference, double threshold);

// The same from ground truth, for the start of training when embeddings mean nothing yet: ids are equal and not negative.
// key [N], reference [R] int64 -> [N, R] bool.
Tensor track_mask(const Tensor& key, const Tensor& reference);

// One post-norm layer: self-attention over the key frame, cross-attention to the reference frames, feed-forward.
class StpeLayer : public torch::nn::Module {
 public:
  explicit StpeLayer(const ModelConfig& config);
  // query, position [1, N, C]; reference_key, reference [1, R, C]; allowed [1, N, R] bool or undefined;
  // relation [1, N, R, 2C] -> [1, N, C]
  Tensor forward(const Tensor& query, const Tensor& position, const Tensor& reference_key, const Tensor& reference,
                 const Tensor& allowed, const Tensor& relation);

 private:
  std::shared_ptr<nn::MultiHeadAttention> self_attn_, cross_attn_;
  std::shared_ptr<nn::FeedForward> ffn_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr};
};

// What STPE makes of the key frame's R persons.
struct StpeOutput {
  Tensor query;            // [R, C]
  Tensor keypoints;        // [R, K, 2]
  Tensor keypoint_scores;  // [R, K], undefined where the key frame has none
};

// Spatio-temporal pose encoder (STPE), paper section 3.3, Figure 3a: the key frame's pose queries gather what the
// reference frames know of the same persons. Beside the queries, and beyond the paper, it moves the keypoints: each one a
// learned share of the way to where the same person has it in the reference frames, and its score with it. So a pose that the
// key frame hides can be taken over as it is, and what follows refines it. Untrained shares are 0.
class Stpe : public torch::nn::Module {
 public:
  Stpe(const ModelConfig& config, const TemporalConfig& temporal);

  // window: kept queries of the T frames in order; `allowed` [N, R] over the queries of all reference frames in window
  // order, or undefined for "all". Any frame may be without queries.
  StpeOutput forward(const std::vector<KeptQueries>& window, std::size_t key, const Tensor& allowed);

 private:
  // The paper's queries carry a learned place in their list; kept ones have lost it, so the pose says where they are.
  Tensor position(const Tensor& keypoints);  // [R, K, 2] -> [R, C]

  // A pose query says how its own pose is to be refined, not where it lies; so what a reference frame knows of a person's
  // pose would be lost. It comes as a relation of the two poses: where the reference's keypoints lie as seen from the
  // key's, in units of its size, and the scores of both.
  struct Pairs {
    Tensor move;      // [N, R, K, 2] from the key's keypoints to the reference's, at most three times half the key's extent
    Tensor gain;      // [N, R, K] by how much the reference is more certain of a keypoint
    Tensor features;  // [N, R, F]
  };
  Pairs pairs_of(const KeptQueries& key, const std::vector<const KeptQueries*>& references) const;
  Tensor shares(const Tensor& query, const Pairs& pairs, const Tensor& allowed);  // [N, R, K] of the ways to go

  std::int64_t channels_;
  Tensor frame_offset_;  // [T - 1, C], added to the keys of each reference frame
  std::shared_ptr<nn::Mlp> position_;
  std::shared_ptr<nn::Mlp> relation_;  // of a pair, added to keys and values of the cross-attention
  std::shared_ptr<nn::Mlp> share_;     // of a pair: how far each keypoint follows, and how much the pair counts
  std::vector<std::shared_ptr<StpeLayer>> layers_;
};

}  // namespace vepe::model
