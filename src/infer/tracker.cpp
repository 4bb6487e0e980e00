#include "infer/tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "core/linear_assignment.h"

namespace vepe::infer {
namespace {

constexpr double kAreaOfBox = 0.52;   // share of a person's box that the person covers (median of COCO's people)
constexpr double kBoxOfExtent = 1.3;  // a person's box against the extent of the keypoints
constexpr double kWiden = 2.0;        // a prediction one frame on is this much less exact than an annotation
constexpr float kVelocitySmoothing = 0.5f;
constexpr double kFarthest = 4;  // lengths of the body that a lost person is looked for around
constexpr double kForbidden = std::numeric_limits<double>::infinity();

double area_of(const std::vector<PoseKeypoint>& keypoints) {
  float x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  for (const PoseKeypoint& p : keypoints) {
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  const double width = std::max(1.f, x1 - x0), height = std::max(1.f, y1 - y0);
  // A person seen from the side or in part has a thin extent; the longer side tells the size better.
  return kAreaOfBox * kBoxOfExtent * std::max(width, 0.4 * height) * std::max(height, 0.4 * width);
}

// Both of length 1.
double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

PoseKeypoint centre_of(const std::vector<PoseKeypoint>& keypoints) {
  PoseKeypoint centre;
  for (const PoseKeypoint& p : keypoints) centre.x += p.x, centre.y += p.y;
  const auto count = static_cast<float>(keypoints.size());
  return {centre.x / count, centre.y / count, 0};
}

}  // namespace

Tracker::Tracker(TrackerOptions options) : options_(std::move(options)) {
  if (options_.alpha >= 0 && options_.alpha <= 1) return;
  throw Error(ErrorCode::kUsage, "alpha", std::to_string(options_.alpha) + " is no share", "choose a number from 0 to 1");
}

double Tracker::oks(const Track& track, const Pose& pose) const {
  const auto steps = static_cast<float>(1 + track.missed);
  const double widening = kWiden * (1 + 0.1 * track.missed);
  double sum = 0, weight = 0;
  for (std::size_t k = 0; k < pose.keypoints.size(); ++k) {
    const double dx = pose.keypoints[k].x - (track.keypoints[k].x + track.velocity_x * steps);
    const double dy = pose.keypoints[k].y - (track.keypoints[k].y + track.velocity_y * steps);
    const double spread = 2 * options_.sigmas[k] * widening;
    // A keypoint that nobody saw says little about who it is.
    const double w = 0.1 + std::min(pose.keypoints[k].score, track.keypoints[k].score);
    sum += w * std::exp(-(dx * dx + dy * dy) / (2 * track.area * spread * spread));
    weight += w;
  }
  return sum / weight;
}

bool Tracker::within_reach(const Track& track, const Pose& pose) const {
  const auto steps = static_cast<float>(1 + track.missed);
  const PoseKeypoint from = centre_of(track.keypoints), to = centre_of(pose.keypoints);
  const double dx = to.x - (from.x + track.velocity_x * steps), dy = to.y - (from.y + track.velocity_y * steps);
  return std::hypot(dx, dy) <= std::min(options_.reach * steps, kFarthest) * std::sqrt(track.area);
}

double Tracker::cost(const Track& track, const Pose& pose) const {
  const double motion = oks(track, pose);
  const bool by_motion = motion >= options_.min_similarity;
  if (track.embedding.empty() || pose.embedding.empty()) return by_motion ? 1 - motion : kForbidden;
  const double looks = cosine(track.embedding, pose.embedding);
  if (!by_motion && !(options_.alpha > 0 && looks >= options_.min_cosine && within_reach(track, pose))) return kForbidden;
  const double similarity = options_.alpha * looks + (1 - options_.alpha) * motion;
  return similarity >= options_.min_similarity ? 1 - similarity : kForbidden;
}

void Tracker::remember(std::vector<float>& average, const std::vector<float>& embedding) const {
  if (embedding.empty()) return;
  const auto past = static_cast<float>(average.empty() ? 0 : options_.embedding_memory);
  average.resize(embedding.size());
  for (std::size_t i = 0; i < embedding.size(); ++i) average[i] = past * average[i] + (1 - past) * embedding[i];
  const double length = std::sqrt(cosine(average, average));
  for (float& value : average) value = length > 0 ? static_cast<float>(value / length) : 0.f;
}

void Tracker::follow(Track& track, const Pose& pose) const {
  const auto steps = static_cast<float>(1 + track.missed);
  float dx = 0, dy = 0, weight = 0;
  for (std::size_t k = 0; k < pose.keypoints.size(); ++k) {
    const float w = 0.1f + std::min(pose.keypoints[k].score, track.keypoints[k].score);
    dx += w * (pose.keypoints[k].x - track.keypoints[k].x);
    dy += w * (pose.keypoints[k].y - track.keypoints[k].y);
    weight += w;
  }
  const float blend = track.seen == 1 ? 1.f : kVelocitySmoothing;
  track.velocity_x += blend * (dx / weight / steps - track.velocity_x);
  track.velocity_y += blend * (dy / weight / steps - track.velocity_y);
  track.keypoints = pose.keypoints;
  remember(track.embedding, pose.embedding);
  track.area = 0.7 * track.area + 0.3 * area_of(pose.keypoints);
  track.missed = 0;
  ++track.seen;
}

std::vector<std::int64_t> Tracker::update(const std::vector<Pose>& poses) {
  for (const Pose& pose : poses) {
    if (pose.embedding.empty()) continue;
    if (embedding_size_ == 0) embedding_size_ = pose.embedding.size();
    if (pose.embedding.size() == embedding_size_) continue;
    throw Error(
        ErrorCode::kInput, "",
        "an embedding of " + std::to_string(pose.embedding.size()) + " numbers after those of " + std::to_string(embedding_size_),
        "link poses of one model only");
  }
  std::vector<std::int64_t> ids(poses.size(), -1);
  std::vector<bool> continued(tracks_.size(), false);
  if (!tracks_.empty() && !poses.empty()) {
    std::vector<double> costs(tracks_.size() * poses.size(), kForbidden);
    for (std::size_t t = 0; t < tracks_.size(); ++t) {
      for (std::size_t p = 0; p < poses.size(); ++p) {
        if (poses[p].score < static_cast<float>(options_.keep_threshold)) continue;
        costs[t * poses.size() + p] = cost(tracks_[t], poses[p]);
      }
    }
    const std::vector<int> chosen = linear_assignment(costs, tracks_.size(), poses.size());
    for (std::size_t t = 0; t < tracks_.size(); ++t) {
      if (chosen[t] < 0) continue;
      const auto p = static_cast<std::size_t>(chosen[t]);
      ids[p] = tracks_[t].id;
      continued[t] = true;
      follow(tracks_[t], poses[p]);
    }
  }
  for (std::size_t t = 0; t < continued.size(); ++t) tracks_[t].missed += !continued[t];
  std::erase_if(tracks_, [&](const Track& track) { return track.missed > options_.max_missed; });
  for (std::size_t p = 0; p < poses.size(); ++p) {
    if (ids[p] >= 0 || poses[p].score < static_cast<float>(options_.start_threshold)) continue;
    ids[p] = next_id_++;
    Track track{.id = ids[p], .keypoints = poses[p].keypoints, .area = area_of(poses[p].keypoints)};
    remember(track.embedding, poses[p].embedding);
    tracks_.push_back(std::move(track));
  }
  return ids;
}

}  // namespace vepe::infer
