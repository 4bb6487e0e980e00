#include "video/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string_view>

namespace vepe::video {
namespace {

constexpr Colour kDark{16, 16, 20};
constexpr Colour kLeftColour{60, 220, 90}, kRightColour{255, 140, 30}, kCentreColour{80, 170, 255};

// The rectangle around the keypoints that are drawn.
struct Extent {
  float left = 0, top = 0, right = 0, bottom = 0;
  float height() const { return std::max(bottom - top, 0.6f * (right - left)); }  // a lying or cut-off person is wide
};

bool is_drawn(const DrawKeypoint& point, const DrawOptions& options) {
  return point.score >= options.keypoint_threshold && std::isfinite(point.x) && std::isfinite(point.y);
}

std::optional<Extent> extent_of(const DrawPerson& person, const DrawOptions& options) {
  std::optional<Extent> extent;
  for (const DrawKeypoint& point : person.keypoints) {
    if (!is_drawn(point, options)) continue;
    if (!extent) extent = Extent{point.x, point.y, point.x, point.y};
    extent->left = std::min(extent->left, point.x);
    extent->right = std::max(extent->right, point.x);
    extent->top = std::min(extent->top, point.y);
    extent->bottom = std::max(extent->bottom, point.y);
  }
  return extent;
}

float limb_radius(float person_height, const DrawOptions& options) {
  return std::clamp(person_height / 75, 1.1f, 7.0f) * options.scale;
}

// Doubtful keypoints stay visible but pale.
float opacity_of(float score, const DrawOptions& options) {
  return std::clamp(0.35f + 0.65f * (score - options.keypoint_threshold) / 0.3f, 0.35f, 1.0f);
}

Colour mixed(Colour a, Colour b, float share_of_b) {
  Colour result;
  for (std::size_t c = 0; c < 3; ++c) result[c] = static_cast<std::uint8_t>(std::lround(a[c] + (b[c] - a[c]) * share_of_b));
  return result;
}

Side side_of(const Skeleton& skeleton, int keypoint) {
  return static_cast<std::size_t>(keypoint) < skeleton.sides.size() ? skeleton.sides[static_cast<std::size_t>(keypoint)]
                                                                    : Side::kCentre;
}

Side side_of_limb(const Skeleton& skeleton, std::pair<int, int> limb) {
  const Side a = side_of(skeleton, limb.first), b = side_of(skeleton, limb.second);
  if (a == b) return a;
  if (a == Side::kCentre) return b;
  return b == Side::kCentre ? a : Side::kCentre;  // shoulder to shoulder belongs to neither
}

// With a track its own colour, lighter on the left and darker on the right, so that the sides can still be told apart.
Colour colour_of(const DrawPerson& person, Side side, const DrawOptions& options) {
  if (options.colouring == DrawOptions::Colouring::kByTrack && person.track_id >= 0) {
    const Colour base = track_colour(person.track_id);
    if (side == Side::kLeft) return mixed(base, {255, 255, 255}, 0.35f);
    return side == Side::kRight ? mixed(base, kDark, 0.25f) : base;
  }
  return side == Side::kLeft ? kLeftColour : side == Side::kRight ? kRightColour : kCentreColour;
}

void draw_person(Image& image, const DrawPerson& person, float height, const Skeleton& skeleton, const DrawOptions& options) {
  const float radius = limb_radius(height, options), rim = std::max(0.7f, 0.35f * radius);
  const int count = static_cast<int>(person.keypoints.size());
  for (const bool outline : {true, false}) {  // all rims first: where limbs cross, no rim cuts through a limb
    for (const auto& limb : skeleton.limbs) {
      if (limb.first < 0 || limb.second < 0 || limb.first >= count || limb.second >= count) continue;
      const DrawKeypoint& a = person.keypoints[static_cast<std::size_t>(limb.first)];
      const DrawKeypoint& b = person.keypoints[static_cast<std::size_t>(limb.second)];
      if (!is_drawn(a, options) || !is_drawn(b, options)) continue;
      const float opacity = opacity_of(std::min(a.score, b.score), options);
      if (outline) {
        stroke(image, {a.x, a.y}, {b.x, b.y}, radius + rim, kDark, 0.55f * opacity);
      } else {
        stroke(image, {a.x, a.y}, {b.x, b.y}, radius, colour_of(person, side_of_limb(skeleton, limb), options), opacity);
      }
    }
  }
  for (int k = 0; k < count; ++k) {
    const DrawKeypoint& point = person.keypoints[static_cast<std::size_t>(k)];
    if (!is_drawn(point, options)) continue;
    const float opacity = opacity_of(point.score, options);
    const Position place{point.x, point.y};
    stroke(image, place, place, 1.35f * radius + rim, kDark, 0.7f * opacity);
    stroke(image, place, place, 1.35f * radius, mixed(colour_of(person, side_of(skeleton, k), options), {255, 255, 255}, 0.45f),
           opacity);
  }
}

// Track ids on round plates above the heads; a plate that would cover another moves up.
class Labels {
 public:
  explicit Labels(Image& image) : image_(image), view_(image.height, image.width, CV_8UC3, image.pixels.data()) {}

  void add(const std::string& text, const Extent& person, Colour colour, float scale) {
    const double size = std::clamp(person.height() / 260.0, 0.36, 1.0) * scale;
    const int thickness = size > 0.7 ? 2 : 1;
    int baseline = 0;
    const cv::Size box = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, size, thickness, &baseline);
    const int half = (box.height + 8) / 2, width = box.width + 2 * half;
    int x = static_cast<int>((person.left + person.right) / 2) - width / 2;
    int y = static_cast<int>(person.top - 0.16f * person.height()) - 2 * half;
    x = std::clamp(x, 0, std::max(0, image_.width - width));
    y = std::clamp(y, 0, std::max(0, image_.height - 2 * half));
    cv::Rect plate(x, y, width, 2 * half);
    for (int tries = 0;
         tries < 8 && std::any_of(taken_.begin(), taken_.end(), [&](const cv::Rect& other) { return (other & plate).area() > 0; });
         ++tries) {
      plate.y = std::max(0, plate.y - half);
    }
    taken_.push_back(plate);
    const auto r = static_cast<float>(half);
    const Position from{static_cast<float>(plate.x) + r, static_cast<float>(plate.y) + r};
    const Position to{static_cast<float>(plate.x + width) - r, from.y};
    stroke(image_, from, to, r, kDark, 0.8f);
    stroke(image_, from, to, r - 1.2f, colour, 0.95f);
    const bool bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 130;
    cv::putText(view_, text, {plate.x + half, plate.y + half + box.height / 2}, cv::FONT_HERSHEY_SIMPLEX, size,
                bright ? cv::Scalar(10, 10, 12) : cv::Scalar(255, 255, 255), thickness, cv::LINE_AA);
  }

 private:
  Image& image_;
  cv::Mat view_;
  std::vector<cv::Rect> taken_;
};

}  // namespace

Skeleton skeleton_of(const formats::JointSet& joints) {
  Skeleton skeleton;
  skeleton.limbs = joints.limbs;
  for (const std::string_view name : joints.names) {
    const bool left = name.starts_with("left") || name.starts_with("l_"),
               right = name.starts_with("right") || name.starts_with("r_");
    skeleton.sides.push_back(left ? Side::kLeft : right ? Side::kRight : Side::kCentre);
  }
  return skeleton;
}

Colour track_colour(std::int64_t track_id) {
  const double hue =
      std::fmod(0.07 + 0.61803398875 * static_cast<double>(track_id & 0xffffff), 1.0) * 6;  // golden ratio: no two near ids alike
  const double low = track_id % 3 == 1 ? 0.35 : 0.12, high = track_id % 2 == 0 ? 1.0 : 0.88;
  Colour colour;
  for (std::size_t c = 0; c < 3; ++c) {
    const double distance = std::abs(std::remainder(hue - 2 * static_cast<double>(c), 6.0));  // from the hue of this channel
    const double share = std::clamp(2 - distance, 0.0, 1.0);
    colour[c] = static_cast<std::uint8_t>(std::lround(255 * high * (low + (1 - low) * share)));
  }
  return colour;
}

void draw_people(Image& image, std::span<const DrawPerson> people, const Skeleton& skeleton, const DrawOptions& options) {
  if (image.width <= 0 || image.height <= 0) return;
  std::vector<std::pair<Extent, const DrawPerson*>> order;
  for (const DrawPerson& person : people) {
    if (const auto extent = extent_of(person, options)) order.emplace_back(*extent, &person);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first.height() < b.first.height(); });
  for (const auto& [extent, person] : order) draw_person(image, *person, extent.height(), skeleton, options);
  if (!options.labels) return;
  Labels labels(image);
  for (auto it = order.rbegin(); it != order.rend(); ++it) {  // near persons choose their place first
    const DrawPerson& person = *it->second;
    if (person.track_id >= 0) labels.add(std::to_string(person.track_id), it->first, track_colour(person.track_id), options.scale);
  }
}

void Trails::update(std::span<const DrawPerson> people, const DrawOptions& options) {
  ++frame_;
  for (const DrawPerson& person : people) {
    const auto extent = extent_of(person, options);
    if (!extent || person.track_id < 0) continue;
    Position place{(extent->left + extent->right) / 2, extent->bottom};
    std::deque<Mark>& trail = trails_[person.track_id];
    if (!trail.empty() && trail.back().frame == frame_ - 1) {  // steps swing the lowest joint; half of it is taken out
      place = {0.5f * (place.x + trail.back().place.x), 0.5f * (place.y + trail.back().place.y)};
    }
    trail.push_back({frame_, place, extent->height()});
  }
  for (auto it = trails_.begin(); it != trails_.end();) {
    std::deque<Mark>& trail = it->second;
    while (!trail.empty() && frame_ - trail.front().frame >= length_) trail.pop_front();
    it = trail.empty() ? trails_.erase(it) : std::next(it);
  }
}

void Trails::draw(Image& image, const DrawOptions& options) const {
  for (const auto& [id, trail] : trails_) {
    const Colour colour = track_colour(id);
    for (std::size_t i = 1; i < trail.size(); ++i) {
      const Mark &older = trail[i - 1], &newer = trail[i];
      const float freshness = 1 - static_cast<float>(frame_ - newer.frame) / static_cast<float>(length_);
      const float step = std::hypot(newer.place.x - older.place.x, newer.place.y - older.place.y);
      if (step > 0.6f * newer.size) continue;  // a jump is no path
      stroke(image, older.place, newer.place, (0.35f + 0.65f * freshness) * limb_radius(newer.size, options), colour,
             0.75f * freshness);
    }
  }
}

}  // namespace vepe::video
