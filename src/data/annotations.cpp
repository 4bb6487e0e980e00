#include "data/annotations.h"

#include <algorithm>

#include "core/error.h"

namespace vepe::data {
namespace {

Box to_box(const formats::Box& box) {
  return {static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.x + box.width),
          static_cast<float>(box.y + box.height)};
}

Box clip(const Box& box, int width, int height) {
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  return {std::clamp(box.x0, 0.0f, w), std::clamp(box.y0, 0.0f, h), std::clamp(box.x1, 0.0f, w), std::clamp(box.y1, 0.0f, h)};
}

std::vector<Keypoint> to_keypoints(const formats::Person& person, int width, int height) {
  std::vector<Keypoint> keypoints(person.keypoints.size());
  for (std::size_t k = 0; k < keypoints.size(); ++k) {
    const formats::Keypoint& from = person.keypoints[k];
    if (!from.present || !(from.visibility > 0)) continue;
    const double x = inside_from_file(from.x), y = inside_from_file(from.y);
    if (x < 0 || y < 0 || x > width || y > height) continue;
    keypoints[k] = {static_cast<float>(x), static_cast<float>(y), from.visibility > 1.5f ? 2 : 1};
  }
  return keypoints;
}

// A box around the keypoints for files that give none.
Box keypoint_hull(const std::vector<Keypoint>& keypoints) {
  Box hull{1e9f, 1e9f, -1e9f, -1e9f};
  for (const Keypoint& keypoint : keypoints) {
    if (keypoint.visibility == 0) continue;
    hull = {std::min(hull.x0, keypoint.x), std::min(hull.y0, keypoint.y), std::max(hull.x1, keypoint.x),
            std::max(hull.y1, keypoint.y)};
  }
  return hull;
}

// A person, a region to ignore, or nothing.
void add_person(Sample& sample, const formats::Person& from) {
  const int width = sample.image.width, height = sample.image.height;
  Person person;
  person.keypoints = to_keypoints(from, width, height);
  const bool labelled =
      std::any_of(person.keypoints.begin(), person.keypoints.end(), [](const Keypoint& k) { return k.visibility > 0; });
  if (!from.bbox && !labelled) return;
  person.box = clip(from.bbox ? to_box(*from.bbox) : keypoint_hull(person.keypoints), width, height);
  person.area = static_cast<float>(from.area ? *from.area : 0.52 * person.box.width() * person.box.height());
  person.track_id = from.track_id.value_or(-1);
  const bool large_enough = person.box.width() >= 1 && person.box.height() >= 1;
  if (labelled && !from.is_crowd && large_enough && person.area > 0) {
    sample.people.push_back(std::move(person));
  } else if (large_enough) {
    sample.ignore_boxes.push_back(person.box);
  }
}

// The bounding box of a polygon: generous, since nothing within it is punished or taught.
Box polygon_hull(const formats::Polygon& polygon, int width, int height) {
  Box hull{1e9f, 1e9f, -1e9f, -1e9f};
  for (const auto& [px, py] : polygon.points) {
    const auto x = static_cast<float>(px), y = static_cast<float>(py);
    hull = {std::min(hull.x0, x), std::min(hull.y0, y), std::max(hull.x1, x), std::max(hull.y1, y)};
  }
  return polygon.points.empty() ? Box{} : clip(hull, width, height);
}

}  // namespace

JointConversion::JointConversion(const std::vector<std::string>& file_names, const std::string& wanted, const std::string& where) {
  names_ = file_names;
  if (wanted.empty()) return;
  const formats::JointSet* to = formats::find_joint_set(wanted);
  if (!to)
    throw Error(ErrorCode::kUsage, where, "unknown joint set \"" + wanted + "\"",
                "use coco17, posetrack15 or another set of docs/formats.md");
  const formats::JointSet* from = formats::find_joint_set(std::span<const std::string>(file_names));
  if (!from)
    throw Error(ErrorCode::kInput, where, "has joints that are no known set and cannot be converted to " + wanted,
                "leave joints unset");
  if (from == to) return;
  from_ = from, to_ = to;
  names_ = to->names;
}

std::vector<formats::Keypoint> JointConversion::operator()(const std::vector<formats::Keypoint>& keypoints) const {
  if (!to_ || keypoints.size() != from_->names.size()) return keypoints;
  return formats::convert_keypoints(keypoints, *from_, *to_);
}

void add_annotations(Sample& sample, const formats::Frame& frame, const JointConversion& convert) {
  for (formats::Person person : frame.persons) {
    person.keypoints = convert(person.keypoints);
    add_person(sample, person);
  }
  for (const formats::Polygon& polygon : frame.ignore_regions) {
    const Box box = polygon_hull(polygon, sample.image.width, sample.image.height);
    if (box.width() >= 1 && box.height() >= 1) sample.ignore_boxes.push_back(box);
  }
}

void scale_labels(Sample& labels, double sx, double sy) {
  const auto fx = static_cast<float>(sx), fy = static_cast<float>(sy);
  const auto scale_box = [&](Box& box) { box = {box.x0 * fx, box.y0 * fy, box.x1 * fx, box.y1 * fy}; };
  for (Person& person : labels.people) {
    for (Keypoint& keypoint : person.keypoints) keypoint.x *= fx, keypoint.y *= fy;
    scale_box(person.box);
    person.area *= fx * fy;
  }
  for (Box& box : labels.ignore_boxes) scale_box(box);
}

}  // namespace vepe::data
