#pragma once

#include <ATen/core/Tensor.h>

namespace vepe::loss {

// Instance consistency loss of the ICM, paper section 3.6, eq. 5, with d = 1 - cos (the paper calls the similarity
// itself the distance, which would push positives apart):
//   max(0, d(a, p) - d(a, n) + margin)
// `anchors` [A, C]: instance embeddings of key frames matched to ground truth; `others` [R, C]: those of the reference
// frames. `*_clip_and_id` [., 2] int64: index of the clip and track id; rows with a negative id take no part.
// p: each of the others with the anchor's clip and id. n: of all anchors and others of the same clip with another id, the
// one nearest to the anchor (identities of different clips are not comparable: both may show the same person).
// The mean over an anchor's positives is averaged over the anchors that have both, not summed as in the paper,
// so that the weight does not depend on the crowd. Zero, with its graph, when there is no such anchor. Scalar.
at::Tensor instance_consistency(const at::Tensor& anchors, const at::Tensor& anchor_clip_and_id, const at::Tensor& others,
                                const at::Tensor& others_clip_and_id, double margin);

}  // namespace vepe::loss
