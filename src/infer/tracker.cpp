#include "infer/tracker.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/linear_assignment.h"

namespace vepe::infer {
namespace {

constexpr double kAreaOfBox = 0.52;   // share of a person's box that the person covers (median of COCO's people)
constexpr double kBoxOfExtent = 1.3;  // a person's box against the extent of the keypoints
constexpr double kWiden = 2.0;        // a prediction one frame on is this much less exact than an annotation
constexpr float kVelocitySmoothing = 0.3f;
constexpr double kAnyPair = 1e-3;       // what a pair is worth beyond its similarity
constexpr double kColourEvidence = 12;  // log-odds of a whole likeness at full weight
constexpr double kFarthest = 4;         // lengths of the body that a lost person is looked for around

struct Extent {
  float x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  float width() const { return std::max(1.f, x1 - x0); }
  float height() const { return std::max(1.f, y1 - y0); }
};

Extent extent_of(const std::vector<PoseKeypoint>& keypoints) {
  Extent extent;
  for (const PoseKeypoint& p : keypoints) {
    extent.x0 = std::min(extent.x0, p.x), extent.x1 = std::max(extent.x1, p.x);
    extent.y0 = std::min(extent.y0, p.y), extent.y1 = std::max(extent.y1, p.y);
  }
  return extent;
}

double area_of(const std::vector<PoseKeypoint>& keypoints) {
  const Extent extent = extent_of(keypoints);
  const double width = extent.width(), height = extent.height();
  // A person seen from the side or in part has a thin extent; the longer side tells the size better.
  return kAreaOfBox * kBoxOfExtent * std::max(width, 0.4 * height) * std::max(height, 0.4 * width);
}

// Share of a person's extent that the extent of another one covers.
double covered(const std::vector<PoseKeypoint>& person, const std::vector<PoseKeypoint>& other) {
  const Extent a = extent_of(person), b = extent_of(other);
  const double width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0), height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  return width > 0 && height > 0 ? width * height / (static_cast<double>(a.width()) * static_cast<double>(a.height())) : 0;
}

// What evidence of `log_odds` makes of a probability.
double updated(double probability, double log_odds) {
  const double factor = std::exp(log_odds);
  return probability * factor / (probability * factor + 1 - probability);
}

// Both of length 1.
double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// OKS of two poses of which the second one is moved by `dx`, `dy`; `widening` of the sigmas.
double pose_oks(const std::vector<PoseKeypoint>& a, const std::vector<PoseKeypoint>& b, double dx, double dy, double area,
                const std::vector<double>& sigmas, double widening) {
  double sum = 0, weight = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double x = a[k].x - (b[k].x + dx), y = a[k].y - (b[k].y + dy);
    const double spread = 2 * sigmas[k] * widening;
    // A keypoint that nobody saw says little about who it is.
    const double w = 0.1 + std::min(a[k].score, b[k].score);
    sum += w * std::exp(-(x * x + y * y) / (2 * area * spread * spread));
    weight += w;
  }
  return sum / weight;
}

PoseKeypoint centre_of(const std::vector<PoseKeypoint>& keypoints) {
  PoseKeypoint centre;
  for (const PoseKeypoint& p : keypoints) centre.x += p.x, centre.y += p.y;
  const auto count = static_cast<float>(keypoints.size());
  return {centre.x / count, centre.y / count, 0};
}

}  // namespace

Tracker::Tracker(TrackerOptions options) : options_(std::move(options)) {
  const auto check = [](const char* name, double value) {
    if (value >= 0 && value <= 1) return;
    throw Error(ErrorCode::kUsage, name, std::to_string(value) + " is not from 0 to 1", "choose a number from 0 to 1");
  };
  check("alpha", options_.alpha);
  check("colour", options_.colour);
  check("even likeness", options_.even_likeness);
  if (!(options_.least_motion >= 0 && options_.least_motion <= options_.most_motion && options_.most_motion <= 1)) {
    throw Error(ErrorCode::kUsage, "bounds of motion", "they are not in order from 0 to 1", "choose 0 <= least <= most <= 1");
  }
  check("memory of clothes", options_.clothes_memory);
  check("share that others cover", options_.clear_of_others);
  check("start threshold", options_.start_threshold);
  check("keep threshold", options_.keep_threshold);
  check("least similarity", options_.min_similarity);
  check("least similarity of weak poses", options_.weak_similarity);
  check("OKS of duplicates", options_.duplicate_oks);
  if (options_.max_missed >= 0) return;
  throw Error(ErrorCode::kUsage, "max missed", std::to_string(options_.max_missed) + " frames", "choose 0 or more");
}

double Tracker::motion(const Track& track, const Pose& pose) const {
  const auto steps = static_cast<float>(1 + track.missed);
  const double oks = pose_oks(pose.keypoints, track.keypoints, track.velocity_x * steps, track.velocity_y * steps, track.area,
                              options_.sigmas, kWiden * (1 + 0.1 * track.missed));
  const double area = area_of(pose.keypoints);
  return oks * std::sqrt(std::min(area, track.area) / std::max(area, track.area));
}

bool Tracker::within_reach(const Track& track, const Pose& pose) const {
  const auto steps = static_cast<float>(1 + track.missed);
  const PoseKeypoint from = centre_of(track.keypoints), to = centre_of(pose.keypoints);
  const double dx = to.x - (from.x + track.velocity_x * steps), dy = to.y - (from.y + track.velocity_y * steps);
  return std::hypot(dx, dy) <= std::min(options_.reach * steps, kFarthest) * std::sqrt(track.area);
}

double Tracker::motion_and_clothes(const Track& track, const Pose& pose, const Clothes& clothes) const {
  const double motion = this->motion(track, pose);
  const auto alike = options_.colour > 0 ? likeness(track.clothes, clothes) : std::nullopt;
  if (!alike) return motion;
  const double least = within_reach(track, pose) ? options_.least_motion : 0;
  return updated(std::clamp(motion, least, options_.most_motion),
                 kColourEvidence * options_.colour * (*alike - options_.even_likeness));
}

double Tracker::similarity(const Track& track, const Pose& pose, const Clothes& clothes) const {
  const double motion = motion_and_clothes(track, pose, clothes);
  const bool by_motion = motion >= options_.min_similarity;
  if (track.embedding.empty() || pose.embedding.empty()) return by_motion ? motion : 0;
  const double looks = cosine(track.embedding, pose.embedding);
  if (!by_motion && !(options_.alpha > 0 && looks >= options_.min_cosine && within_reach(track, pose))) return 0;
  return options_.alpha * looks + (1 - options_.alpha) * motion;
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

bool Tracker::is_duplicate(const std::vector<Pose>& poses, std::size_t p, const std::vector<std::int64_t>& ids) const {
  for (std::size_t q = 0; q < poses.size(); ++q) {
    if (ids[q] < 0) continue;
    const double area = std::max(area_of(poses[p].keypoints), area_of(poses[q].keypoints));
    if (pose_oks(poses[p].keypoints, poses[q].keypoints, 0, 0, area, options_.sigmas, 1) >= options_.duplicate_oks) return true;
  }
  return false;
}

// Gives `candidates` among the poses to the tracks that have none yet, where the similarity is at least `least`.
void Tracker::link(const std::vector<Pose>& poses, const std::vector<Clothes>& clothes, const std::vector<std::size_t>& candidates,
                   double least, std::vector<std::int64_t>& ids) {
  std::vector<Track*> free;
  for (Track& track : tracks_) {
    if (!track.linked) free.push_back(&track);
  }
  // A pair below the least similarity costs as much as leaving both alone, so it never wins over a real one.
  std::vector<double> costs(free.size() * candidates.size(), 0);
  for (std::size_t t = 0; t < free.size(); ++t) {
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const double value = similarity(*free[t], poses[candidates[c]], clothes[candidates[c]]);
      if (value > 0 && value >= least) costs[t * candidates.size() + c] = least - value - kAnyPair;
    }
  }
  const std::vector<int> chosen = linear_assignment(costs, free.size(), candidates.size());
  for (std::size_t t = 0; t < free.size(); ++t) {
    if (chosen[t] < 0) continue;
    const auto c = static_cast<std::size_t>(chosen[t]);
    if (costs[t * candidates.size() + c] == 0) continue;
    ids[candidates[c]] = free[t]->id;
    free[t]->linked = true;
    follow(*free[t], poses[candidates[c]]);
  }
}

// From confident poses with nobody in front of or behind them.
void Tracker::learn_clothes(const std::vector<Pose>& poses, const std::vector<Clothes>& clothes,
                            const std::vector<std::int64_t>& ids) {
  for (std::size_t p = 0; p < poses.size(); ++p) {
    if (ids[p] < 0 || clothes[p].empty() || poses[p].score < static_cast<float>(options_.start_threshold)) continue;
    bool clear = true;
    for (std::size_t q = 0; q < poses.size() && clear; ++q) {
      clear = q == p || ids[q] < 0 || covered(poses[p].keypoints, poses[q].keypoints) <= options_.clear_of_others;
    }
    if (!clear) continue;
    const auto track = std::find_if(tracks_.begin(), tracks_.end(), [&](const Track& t) { return t.id == ids[p]; });
    blend_clothes(track->clothes, clothes[p], options_.clothes_memory);
  }
}

void Tracker::check_embeddings(const std::vector<Pose>& poses) {
  for (const Pose& pose : poses) {
    if (pose.embedding.empty()) continue;
    if (embedding_size_ == 0) embedding_size_ = pose.embedding.size();
    if (pose.embedding.size() == embedding_size_) continue;
    throw Error(
        ErrorCode::kInput, "",
        "an embedding of " + std::to_string(pose.embedding.size()) + " numbers after those of " + std::to_string(embedding_size_),
        "link poses of one model only");
  }
}

std::vector<std::int64_t> Tracker::update(const std::vector<Pose>& poses, const std::vector<Clothes>& given) {
  check_embeddings(poses);
  if (!given.empty() && given.size() != poses.size()) {
    throw Error(ErrorCode::kUsage, "clothes", std::to_string(given.size()) + " for " + std::to_string(poses.size()) + " poses",
                "describe each pose, or none");
  }
  const std::vector<Clothes> nobodys(given.empty() ? poses.size() : 0);
  const std::vector<Clothes>& clothes = given.empty() ? nobodys : given;
  std::vector<std::int64_t> ids(poses.size(), -1);
  for (Track& track : tracks_) track.linked = false;

  const auto start = static_cast<float>(options_.start_threshold), keep = static_cast<float>(options_.keep_threshold);
  std::vector<std::size_t> strong, weak;
  for (std::size_t p = 0; p < poses.size(); ++p) {
    if (poses[p].score >= start) strong.push_back(p);
  }
  link(poses, clothes, strong, options_.min_similarity, ids);
  for (std::size_t p = 0; p < poses.size(); ++p) {
    if (poses[p].score < start && poses[p].score >= keep && !is_duplicate(poses, p, ids)) weak.push_back(p);
  }
  link(poses, clothes, weak, options_.weak_similarity, ids);

  for (Track& track : tracks_) track.missed += !track.linked;
  std::erase_if(tracks_, [&](const Track& track) { return track.missed > options_.max_missed; });
  for (const std::size_t p : strong) {
    if (ids[p] >= 0 || is_duplicate(poses, p, ids)) continue;
    ids[p] = next_id_++;
    Track track{.id = ids[p], .keypoints = poses[p].keypoints, .area = area_of(poses[p].keypoints)};
    remember(track.embedding, poses[p].embedding);
    tracks_.push_back(std::move(track));
  }
  learn_clothes(poses, clothes, ids);
  return ids;
}

}  // namespace vepe::infer
