#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace vepe::train {

// The people of one frame for linking, each [R, ...].
struct LinkFrame {
  at::Tensor keypoints;  // [R, K, 2] pixels
  at::Tensor embedding;  // [R, C] rows of length 1; undefined without ICM
};

enum class LinkBy { kEmbedding, kOks };

// The plainest tracker there is, to compare what links: each frame's people go to the live tracks by the assignment of largest
// similarity, cosine of the embeddings (at least 0.5) or OKS of the poses as they were (at least 0.1); whoever is left starts a
// track, and a track lives through five frames without its person. Ids from 1. Used for evaluation only: `predict` and `track`
// have a better one. `sigmas` [K].
std::vector<std::vector<std::int64_t>> link_people(const std::vector<LinkFrame>& frames, LinkBy by,
                                                   const std::vector<double>& sigmas);

// OKS of each pair of poses, [R, K, 2] and [S, K, 2] in pixels -> [R, S]; the area is 0.52 of the first one's extent.
at::Tensor pose_similarity(const at::Tensor& poses, const at::Tensor& others, const std::vector<double>& sigmas);

}  // namespace vepe::train
