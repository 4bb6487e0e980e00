#include "infer/clothes.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace vepe::infer {
namespace {

constexpr int kLightness = 4, kChroma = 7;  // bins
constexpr std::size_t kBins = kLightness * kChroma * kChroma, kParts = 2;
constexpr float kDarkest = 24;                         // of 255; what is darker is as dark
constexpr float kMostChroma = 0.5f;                    // more saturated colours fall into the outermost bins
constexpr float kGreyOfDark = 24;                      // damps the chroma of dark pixels, which is noise
constexpr float kTrusted = 0.1f;                       // score of a keypoint
constexpr int kSamples = 12;                           // along a band and across; fewer where pixels are fewer
constexpr float kFewestPixels = 20;                    // of a part
constexpr float kTorsoHalf = 0.22f, kLegHalf = 0.11f;  // half the width of a band, in lengths of the torso and of half a leg
constexpr float kInside = 0.8f;                        // of the half width between the joints that is surely clothes

struct Point {
  float x = 0, y = 0;
};
Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
Point operator*(float s, Point a) { return {s * a.x, s * a.y}; }
float length(Point a) { return std::hypot(a.x, a.y); }

// Where a value in bins lies between two bins' middles; the ends hold what is beyond.
struct Soft {
  int low = 0, high = 0;
  float share_high = 0;
};
Soft soft(float value, int bins) {
  const float at = std::clamp(value * static_cast<float>(bins) - 0.5f, 0.f, static_cast<float>(bins - 1));
  const int low = std::min(static_cast<int>(at), bins - 1);
  return {low, std::min(low + 1, bins - 1), at - static_cast<float>(low)};
}

void count(const std::uint8_t* rgb, std::span<float> histogram) {
  const auto r = static_cast<float>(rgb[0]), g = static_cast<float>(rgb[1]), b = static_cast<float>(rgb[2]);
  const float largest = std::max({r, g, b}) + kGreyOfDark, light = std::max((r + g + b) / 3, kDarkest);
  // Another exposure multiplies all three: it leaves the chroma and shifts the logarithm.
  const Soft l = soft(std::log2(light / kDarkest) / std::log2(255 / kDarkest), kLightness);
  const Soft u = soft(0.5f + (r - g) / largest / (2 * kMostChroma), kChroma);
  const Soft v = soft(0.5f + (b - (r + g) / 2) / largest / (2 * kMostChroma), kChroma);
  for (const bool l_high : {false, true}) {
    for (const bool u_high : {false, true}) {
      for (const bool v_high : {false, true}) {
        const float share = (l_high ? l.share_high : 1 - l.share_high) * (u_high ? u.share_high : 1 - u.share_high) *
                            (v_high ? v.share_high : 1 - v.share_high);
        const int bin = ((l_high ? l.high : l.low) * kChroma + (u_high ? u.high : u.low)) * kChroma + (v_high ? v.high : v.low);
        histogram[static_cast<std::size_t>(bin)] += share;
      }
    }
  }
}

// Counts samples of the band between `from` and `to`, as wide as `half_from` to both sides at one end and `half_to` at the
// other. Returns how many pixels of the picture they stand for.
float count_band(const video::Image& image, Point from, Point to, float half_from, float half_to, std::span<float> histogram) {
  const Point axis = to - from;
  const float size = length(axis), width = half_from + half_to;
  if (!(size >= 1) || !(width > 0) || size > 1e5f) return 0;
  const Point across = (1 / size) * Point{-axis.y, axis.x};
  const int rows = std::clamp(static_cast<int>(size), 1, kSamples), columns = std::clamp(static_cast<int>(width), 1, kSamples);
  int hits = 0;
  for (int i = 0; i < rows; ++i) {
    const float along = (static_cast<float>(i) + 0.5f) / static_cast<float>(rows);
    const float half = half_from + along * (half_to - half_from);
    for (int j = 0; j < columns; ++j) {
      const float aside = (2 * (static_cast<float>(j) + 0.5f) / static_cast<float>(columns) - 1) * half;
      const Point at = from + along * axis + aside * across;
      const float x = std::round(at.x), y = std::round(at.y);
      if (!(x >= 0 && y >= 0 && x < static_cast<float>(image.width) && y < static_cast<float>(image.height))) continue;
      count(image.row(static_cast<int>(y)) + 3 * static_cast<std::size_t>(x), histogram);
      ++hits;
    }
  }
  return static_cast<float>(hits) / static_cast<float>(rows * columns) * size * width;
}

std::optional<Point> trusted(const Pose& pose, int joint) {
  if (joint < 0 || static_cast<std::size_t>(joint) >= pose.keypoints.size()) return std::nullopt;
  const PoseKeypoint& p = pose.keypoints[static_cast<std::size_t>(joint)];
  if (!(p.score >= kTrusted) || !std::isfinite(p.x) || !std::isfinite(p.y)) return std::nullopt;
  return Point{p.x, p.y};
}

// The middle of a left and a right joint and half their distance, of the one that is there and 0, or nothing.
struct Ends {
  Point middle;
  float half = 0;
};
std::optional<Ends> ends(const Pose& pose, const std::array<int, 2>& joints) {
  const auto left = trusted(pose, joints[0]), right = trusted(pose, joints[1]);
  if (left && right) return Ends{0.5f * (*left + *right), 0.5f * length(*left - *right)};
  if (left || right) return Ends{left ? *left : *right, 0};
  return std::nullopt;
}

float count_torso(const video::Image& image, const Pose& pose, const ClothedJoints& joints, std::span<float> histogram) {
  const auto shoulders = ends(pose, joints.shoulders), hips = ends(pose, joints.hips);
  if (!shoulders || !hips) return 0;
  // Seen from the side the joints lie behind each other; a body is never as thin as that.
  const float thinnest = 0.6f * kTorsoHalf * length(hips->middle - shoulders->middle);
  return count_band(image, shoulders->middle, hips->middle, std::max(kInside * shoulders->half, thinnest),
                    std::max(kInside * hips->half, thinnest), histogram);
}

float count_legs(const video::Image& image, const Pose& pose, const ClothedJoints& joints, std::span<float> histogram) {
  float pixels = 0;
  for (const std::size_t side : {0u, 1u}) {
    const auto hip = trusted(pose, joints.hips[side]), knee = trusted(pose, joints.knees[side]),
               ankle = trusted(pose, joints.ankles[side]);
    if (!knee) continue;
    if (hip) pixels += count_band(image, *hip, *knee, kLegHalf * length(*knee - *hip), kLegHalf * length(*knee - *hip), histogram);
    if (!ankle) continue;
    const float half = kLegHalf * length(*ankle - *knee);
    pixels += count_band(image, *knee, *ankle, half, 0.7f * half, histogram);
  }
  return pixels;
}

// To square roots of shares.
void normalise(std::span<float> histogram) {
  float sum = 0;
  for (const float value : histogram) sum += value;
  for (float& value : histogram) value = std::sqrt(value / sum);
}

bool known(std::span<const float> histogram) {
  return std::any_of(histogram.begin(), histogram.end(), [](float value) { return value > 0; });
}

std::span<const float> part(const Clothes& clothes, std::size_t index) { return std::span(clothes).subspan(index * kBins, kBins); }

}  // namespace

ClothedJoints clothed_joints(const formats::JointSet& set) {
  const auto pair = [&](const char* name) {
    return std::array{set.index(std::string("left_") + name), set.index(std::string("right_") + name)};
  };
  return {pair("shoulder"), pair("hip"), pair("knee"), pair("ankle")};
}

Clothes describe_clothes(const video::Image& image, const Pose& pose, const ClothedJoints& joints) {
  Clothes clothes(kParts * kBins);
  const auto torso = std::span(clothes).subspan(0, kBins), legs = std::span(clothes).subspan(kBins, kBins);
  bool any = false;
  for (const bool upper : {true, false}) {
    const std::span<float> histogram = upper ? torso : legs;
    const float pixels = (upper ? count_torso : count_legs)(image, pose, joints, histogram);
    if (pixels >= kFewestPixels) {
      normalise(histogram);
      any = true;
    } else {
      std::fill(histogram.begin(), histogram.end(), 0.f);
    }
  }
  return any ? clothes : Clothes{};
}

std::vector<Clothes> describe_clothes(const video::Image& image, const std::vector<Pose>& poses, const ClothedJoints& joints) {
  std::vector<Clothes> clothes;
  for (const Pose& pose : poses) clothes.push_back(describe_clothes(image, pose, joints));
  return clothes;
}

std::optional<double> likeness(const Clothes& a, const Clothes& b) {
  if (a.empty() || b.empty()) return std::nullopt;
  double sum = 0;
  int parts = 0;
  for (std::size_t p = 0; p < kParts; ++p) {
    const auto left = part(a, p), right = part(b, p);
    if (!known(left) || !known(right)) continue;
    for (std::size_t i = 0; i < kBins; ++i) sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
    ++parts;
  }
  if (parts == 0) return std::nullopt;
  return std::min(1.0, sum / parts);
}

void blend_clothes(Clothes& average, const Clothes& now, double past) {
  if (now.empty()) return;
  if (average.empty()) average.resize(now.size());
  for (std::size_t p = 0; p < kParts; ++p) {
    if (!known(part(now, p))) continue;
    const auto keep = static_cast<float>(known(part(average, p)) ? past : 0);
    // Shares are averaged, not their roots, so that the result is a histogram again.
    for (std::size_t i = p * kBins; i < (p + 1) * kBins; ++i) {
      average[i] = std::sqrt(keep * average[i] * average[i] + (1 - keep) * now[i] * now[i]);
    }
  }
}

}  // namespace vepe::infer
