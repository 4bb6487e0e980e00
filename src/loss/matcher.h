#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loss/ground_truth.h"

namespace vepe::loss {

// Weights of the matching cost, and the shape of its focal class part.
struct MatcherConfig {
  double class_weight = 2;
  double keypoint_weight = 70;  // of the mean absolute error over visible coordinates, in 0..1 of the image
  double oks_weight = 7;        // of minus the object keypoint similarity
  double alpha = 0.25, gamma = 2;
  double min_oks = 0;  // less alike than this is no pair. With seeded ("dense") proposals a person whom no seed
                       // found would otherwise drag somebody else's query across the image.
};

// One image's one-to-one pairs, in the order of its persons.
struct Match {
  Tensor query;   // [R] int64, query (or token) of each pair
  Tensor person;  // [R] int64, person among those of this image
};

// The weighted parts of the cost of one image, each [N, G].
struct MatchCosts {
  Tensor score, keypoints, oks;
  Tensor similarity;  // the object keypoint similarity itself
};

// `score_logit` [N] and `keypoints` [N, K, 2] of image `image` against its persons. `sigmas` [K].
MatchCosts match_costs(const Tensor& score_logit, const Tensor& keypoints, const GroundTruth& truth, std::int64_t image,
                       const Tensor& sigmas, const MatcherConfig& config);

// Set matching: for each image the pairs of lowest total cost, min(N, G) of them, fewer under `min_oks`. No gradient.
// `score_logit` [B, N], `keypoints` [B, N, K, 2] in 0..1 of the real image, `sigmas` [K].
std::vector<Match> match(const Tensor& score_logit, const Tensor& keypoints, const GroundTruth& truth, const Tensor& sigmas,
                         const MatcherConfig& config);
std::vector<Match> match(const Tensor& score_logit, const Tensor& keypoints, const std::vector<Targets>& targets,
                         const std::vector<double>& sigmas, const MatcherConfig& config = {});

// The pairs of all images in one axis M, as indices for gathering.
struct FlatMatch {
  Tensor image;   // [M] int64
  Tensor query;   // [M] int64
  Tensor person;  // [M] int64, in the axis G of GroundTruth
  Tensor slot;    // [M] int64, position of the pair within its image
  std::int64_t count() const { return image.size(0); }
};
FlatMatch flatten(const std::vector<Match>& matches, const GroundTruth& truth);

}  // namespace vepe::loss
