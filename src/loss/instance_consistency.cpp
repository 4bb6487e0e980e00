#include "loss/instance_consistency.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "loss/ground_truth.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

// Unit rows; a zero row stays zero and its gradient finite.
Tensor unit(const Tensor& rows) { return rows / rows.square().sum(1, true).add(1e-12).sqrt(); }

// [A, R] for keys [A] and [R].
Tensor same_key(const Tensor& a, const Tensor& b) { return a.unsqueeze(1) == b.unsqueeze(0); }

}  // namespace

Tensor instance_consistency(const Tensor& anchors, const Tensor& anchor_clip_and_id, const Tensor& others,
                            const Tensor& others_clip_and_id, double margin) {
  // Autocast would take the cosines in bf16, whose step near 1 is as large as the differences that matter.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const std::int64_t anchor_count = anchors.size(0);
  ops::expect_shape(anchor_clip_and_id, {anchor_count, 2}, "instance consistency, anchor_clip_and_id");
  ops::expect_shape(others, {-1, anchors.size(1)}, "instance consistency, others");
  ops::expect_shape(others_clip_and_id, {others.size(0), 2}, "instance consistency, others_clip_and_id");

  const Tensor candidates = at::cat({at_least_float(others), at_least_float(anchors)});  // [R + A, C]
  const Tensor keys = at::cat({others_clip_and_id, anchor_clip_and_id});
  const Tensor anchor_id = anchor_clip_and_id.select(1, 1), id = keys.select(1, 1);
  // An anchor without id has no positive among rows with one, so it needs no check of its own.
  const Tensor comparable = same_key(anchor_clip_and_id.select(1, 0), keys.select(1, 0)) & (id >= 0);  // [A, R + A]
  const Tensor same = same_key(anchor_id, id);
  const Tensor negative = comparable & same.logical_not();                       // [A, R + A]
  const Tensor positive = (comparable & same).slice(1, 0, others.size(0));       // [A, R]
  const Tensor used = (positive.any(1) & negative.any(1)).nonzero().squeeze(1);  // anchors with a triplet
  if (used.size(0) == 0) return (anchors.sum() + others.sum()).to(candidates.scalar_type()) * 0;

  const Tensor distance = 1 - unit(at_least_float(anchors).index_select(0, used)).matmul(unit(candidates).t());
  // Cosine distances end at 2, so 3 never is the nearest.
  const Tensor nearest_negative = distance.masked_fill(negative.index_select(0, used).logical_not(), 3).amin(1, true);
  const Tensor hinge = (distance.slice(1, 0, others.size(0)) - nearest_negative + margin).clamp_min(0);
  const Tensor wanted = positive.index_select(0, used).to(hinge.scalar_type());
  return ((hinge * wanted).sum(1) / wanted.sum(1)).mean();
}

}  // namespace vepe::loss
