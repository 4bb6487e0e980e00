#include "model/query_propagation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "model/keypoint_step.h"

namespace vepe::model {
namespace {

// In half extents of the poses, means over the keypoints. A person moves less than this between the two neighbours ...
constexpr double kFarthest = 1;
// ... and poses as near as this show the same person.
constexpr double kSame = 0.5;

// a [A, K, 2], b [B, K, 2] -> [A, B] mean distance of the keypoints in half extents of the larger pose.
Tensor distances(const Tensor& a, const Tensor& b) {
  const Tensor size = at::maximum(half_extent(a).view({-1, 1}), half_extent(b).view({1, -1}));
  return (a.unsqueeze(1) - b.unsqueeze(0)).norm(2, {3}).mean(2) / size;
}

Tensor mean_of(const Tensor& a, const Tensor& b) { return a.defined() && b.defined() ? (a + b) / 2 : Tensor(); }

KeptQueries rows_of(const KeptQueries& queries, const Tensor& index) {
  const auto select = [&](const Tensor& rows) { return rows.defined() ? rows.index_select(0, index) : Tensor(); };
  return {select(queries.index),     select(queries.query),           select(queries.score_logit), select(queries.keypoints),
          select(queries.embedding), select(queries.keypoint_scores), select(queries.track_id)};
}

// Rows `first` and `second` of the pairs, those that stand apart from `key` and from better pairs.
std::pair<Tensor, Tensor> lost_pairs(const KeptQueries& before, const KeptQueries& key, const KeptQueries& after,
                                     double mask_threshold) {
  const at::NoGradGuard no_grad;
  const auto options = before.index.options();
  const Tensor none = at::empty({0}, options);
  if (before.count() == 0 || after.count() == 0) return {none, none};
  Tensor apart = distances(before.keypoints, after.keypoints);  // [B, A]
  if (before.embedding.defined() && after.embedding.defined()) {
    apart = apart.masked_fill(at::matmul(before.embedding, after.embedding.t()) < mask_threshold, 2 * kFarthest);
  }
  const Tensor nearest = apart.argmin(1), back = apart.argmin(0);  // [B], [A]
  const Tensor rows = at::arange(before.count(), options);
  const Tensor mutual = (back.index_select(0, nearest) == rows) & (apart.gather(1, nearest.unsqueeze(1)).squeeze(1) < kFarthest);
  Tensor first = mutual.nonzero().squeeze(1);
  const Tensor score =
      before.score_logit.index_select(0, first) + after.score_logit.index_select(0, nearest.index_select(0, first));
  first = first.index_select(0, score.argsort(0, /*descending=*/true));
  const Tensor second = nearest.index_select(0, first);

  const Tensor poses = (before.keypoints.index_select(0, first) + after.keypoints.index_select(0, second)) / 2;
  const Tensor taken = key.count() > 0 ? (distances(poses, key.keypoints) < kSame).any(1) : at::zeros_like(first, at::kBool);
  const Tensor same = (distances(poses, poses) < kSame).to(at::kCPU), occupied = taken.to(at::kCPU);
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < first.size(0); ++i) {
    bool free = !occupied[i].item<bool>();
    for (const std::int64_t better : chosen) free = free && !same[i][better].item<bool>();
    if (free) chosen.push_back(i);
  }
  const Tensor index = at::tensor(chosen, at::kLong).to(options);
  return {first.index_select(0, index), second.index_select(0, index)};
}

}  // namespace

KeptQueries propagated_queries(const KeptQueries& before, const KeptQueries& key, const KeptQueries& after, double mask_threshold) {
  const auto [first, second] = lost_pairs(before, key, after, mask_threshold);
  const KeptQueries a = rows_of(before, first), b = rows_of(after, second);
  KeptQueries found;
  found.index = at::full_like(first, -1);
  found.query = mean_of(a.query, b.query);
  found.score_logit = mean_of(a.score_logit, b.score_logit);
  found.keypoints = mean_of(a.keypoints, b.keypoints);
  found.keypoint_scores = mean_of(a.keypoint_scores, b.keypoint_scores);
  if (a.embedding.defined() && b.embedding.defined()) {
    const Tensor sum = a.embedding + b.embedding;
    found.embedding = sum / sum.norm(2, {1}, true).clamp_min(1e-6);
  }
  if (a.track_id.defined() && b.track_id.defined()) found.track_id = a.track_id.masked_fill(a.track_id != b.track_id, -1);
  return found;
}

KeptQueries joined(const KeptQueries& queries, const KeptQueries& more) {
  const auto cat = [](const Tensor& a, const Tensor& b) { return a.defined() && b.defined() ? at::cat({a, b}) : Tensor(); };
  return {cat(queries.index, more.index),
          cat(queries.query, more.query),
          cat(queries.score_logit, more.score_logit),
          cat(queries.keypoints, more.keypoints),
          cat(queries.embedding, more.embedding),
          cat(queries.keypoint_scores, more.keypoint_scores),
          cat(queries.track_id, more.track_id)};
}

}  // namespace vepe::model
