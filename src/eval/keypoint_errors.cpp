#include "eval/keypoint_errors.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

constexpr double kGood = 0.85, kNear = 0.5;

class Analysis {
 public:
  Analysis(std::span<const int> flip, std::span<const double> sigmas, KeypointErrors& errors)
      : flip_(flip), sigmas_(sigmas), errors_(errors) {}

  void add_pair(const OksImage& image, const OksDetectionOutcome& outcome) {
    const OksGroundTruth& gt = image.gt[outcome.gt[0]];
    const OksDetection& dt = image.dt[outcome.detection];
    for (std::size_t k = 0; k < sigmas_.size(); ++k) {
      if (!(gt.keypoints[3 * k + 2] > 0)) continue;
      KeypointError& e = errors_.keypoints[k];
      const double s = similarity(dt, k, gt, k, gt.area);
      ++e.points;
      e.mean_similarity += s;
      e.mean_error += std::hypot(dt.keypoints[3 * k] - gt.keypoints[3 * k], dt.keypoints[3 * k + 1] - gt.keypoints[3 * k + 1]) /
                      std::sqrt(gt.area + kEpsilon);
      if (s >= kGood)
        ++e.good;
      else if (s >= kNear)
        ++e.jitter;
      else if (mirrored(k) && similarity(dt, k, gt, flip_[k], gt.area) >= kNear)
        ++e.inversion;
      else if (near_another(image, outcome.gt[0], dt, k, gt.area))
        ++e.swap;
      else
        ++e.miss;
    }
  }

 private:
  bool mirrored(std::size_t k) const { return flip_[k] != static_cast<int>(k); }

  double similarity(const OksDetection& dt, std::size_t from, const OksGroundTruth& gt, std::size_t to, double area) const {
    if (!(gt.keypoints[3 * to + 2] > 0)) return 0;
    const double dx = dt.keypoints[3 * from] - gt.keypoints[3 * to], dy = dt.keypoints[3 * from + 1] - gt.keypoints[3 * to + 1];
    const double variance = 4 * sigmas_[from] * sigmas_[from];
    return std::exp(-(dx * dx + dy * dy) / variance / (area + kEpsilon) / 2);
  }

  bool near_another(const OksImage& image, int own, const OksDetection& dt, std::size_t k, double area) const {
    for (std::size_t g = 0; g < image.gt.size(); ++g) {
      if (static_cast<int>(g) == own) continue;
      if (similarity(dt, k, image.gt[g], k, area) >= kNear) return true;
      if (mirrored(k) && similarity(dt, k, image.gt[g], flip_[k], area) >= kNear) return true;
    }
    return false;
  }

  std::span<const int> flip_;
  std::span<const double> sigmas_;
  KeypointErrors& errors_;
};

}  // namespace

KeypointErrors analyse_keypoints(std::span<const OksImage> images, const OksResult& result, std::span<const std::string> names,
                                 std::span<const int> flip, std::span<const double> sigmas) {
  if (names.size() != sigmas.size() || flip.size() != sigmas.size() || result.outcomes[0].size() != images.size()) {
    throw Error(ErrorCode::kUsage, "keypoint analysis", "names, mirrored keypoints, sigmas and images do not fit each other");
  }
  KeypointErrors errors;
  for (const auto& name : names) errors.keypoints.push_back({.name = name});
  for (const auto& outcome : result.outcomes[0]) {
    for (const auto& d : outcome.detections) errors.highest_score = std::max(errors.highest_score, d.score);
  }
  Analysis analysis(flip, sigmas, errors);
  for (std::size_t i = 0; i < images.size(); ++i) {
    errors.persons += result.outcomes[0][i].positives;
    for (const auto& d : result.outcomes[0][i].detections) {
      if (d.ignored & 1) continue;
      const bool matched = d.matched & 1;
      const double share = errors.highest_score > 0 ? std::clamp(d.score / errors.highest_score, 0.0, 1.0) : 0;
      const auto bin = std::min<std::size_t>(19, static_cast<std::size_t>(share * 20));
      ++(matched ? errors.matched_scores : errors.unmatched_scores)[bin];
      if (!matched) continue;
      ++errors.matched;
      analysis.add_pair(images[i], d);
    }
  }
  for (auto& e : errors.keypoints) {
    if (e.points == 0) continue;
    e.mean_similarity /= static_cast<double>(e.points);
    e.mean_error /= static_cast<double>(e.points);
  }
  return errors;
}

}  // namespace vepe::eval
