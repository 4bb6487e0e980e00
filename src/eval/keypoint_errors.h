#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/coco_oks.h"

namespace vepe::eval {

// What goes wrong at one keypoint, over the pairs that match at OKS 0.5 (Ronchi and Perona, ICCV 2017). `similarity`
// of a point is exp(-d^2 / (2 area (2 sigma)^2)), its own share of OKS.
struct KeypointError {
  std::string name;
  std::int64_t points = 0;     // labelled points of matched persons
  std::int64_t good = 0;       // similarity >= 0.85
  std::int64_t jitter = 0;     // 0.5 .. 0.85
  std::int64_t inversion = 0;  // below 0.5, but 0.5 or more to the mirrored keypoint of the same person
  std::int64_t swap = 0;       // below 0.5, but 0.5 or more to this or the mirrored keypoint of another person
  std::int64_t miss = 0;       // none of these
  double mean_similarity = 0;
  double mean_error = 0;  // distance / sqrt(area)
};

struct KeypointErrors {
  std::vector<KeypointError> keypoints;
  std::int64_t persons = 0, matched = 0;  // persons that count, and those with a detection at OKS 0.5
  // Scores of matched and unmatched detections at OKS 0.5 in 20 equal bins of [0, highest score].
  std::array<std::int64_t, 20> matched_scores{}, unmatched_scores{};
  double highest_score = 0;
};

// `result` is evaluate_oks(images). `names` and `flip` (index of the mirrored keypoint) have one entry per keypoint.
KeypointErrors analyse_keypoints(std::span<const OksImage> images, const OksResult& result, std::span<const std::string> names,
                                 std::span<const int> flip, std::span<const double> sigmas);

}  // namespace vepe::eval
