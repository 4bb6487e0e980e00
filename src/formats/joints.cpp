#include "formats/joints.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace vepe::formats {
namespace {

constexpr double kNose = 0.026, kEye = 0.025, kEar = 0.035, kShoulder = 0.079, kElbow = 0.072, kWrist = 0.062;
constexpr double kHip = 0.107, kKnee = 0.087, kAnkle = 0.089;
constexpr double kNeck = 0.079, kHeadTop = 0.079;  // CrowdPose's values; PoseTrack defines none

using NamePairs = std::vector<std::pair<std::string_view, std::string_view>>;

double sigma_of(std::string_view name) {
  static constexpr std::pair<std::string_view, double> kSigmas[] = {{"nose", kNose},         {"eye", kEye},     {"ear", kEar},
                                                                    {"shoulder", kShoulder}, {"elbow", kElbow}, {"wrist", kWrist},
                                                                    {"hip", kHip},           {"knee", kKnee},   {"ankle", kAnkle}};
  for (const auto& [part, sigma] : kSigmas) {
    if (name.ends_with(part)) return sigma;
  }
  return same_joint(name, "head_top") ? kHeadTop : kNeck;
}

std::string mirrored(const std::string& name) {
  if (name.starts_with("left_")) return "right_" + name.substr(5);
  if (name.starts_with("right_")) return "left_" + name.substr(6);
  return name;
}

JointSet make_set(std::string id, std::vector<std::string> names, const NamePairs& head_limbs) {
  JointSet set;
  set.id = std::move(id);
  set.names = std::move(names);
  for (const std::string& name : set.names) {
    set.sigmas.push_back(sigma_of(name));
    set.flip.push_back(set.index(mirrored(name)));
  }
  NamePairs limbs = {{"left_ankle", "left_knee"},       {"left_knee", "left_hip"},       {"right_ankle", "right_knee"},
                     {"right_knee", "right_hip"},       {"left_hip", "right_hip"},       {"left_shoulder", "left_hip"},
                     {"right_shoulder", "right_hip"},   {"left_shoulder", "left_elbow"}, {"left_elbow", "left_wrist"},
                     {"right_shoulder", "right_elbow"}, {"right_elbow", "right_wrist"}};
  limbs.insert(limbs.end(), head_limbs.begin(), head_limbs.end());
  for (const auto& [a, b] : limbs) set.limbs.emplace_back(set.index(a), set.index(b));
  return set;
}

NamePairs with_neck(NamePairs limbs) {
  limbs.insert(limbs.end(), {{"left_shoulder", "head_bottom"}, {"right_shoulder", "head_bottom"}});
  return limbs;
}

std::string_view canonical(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
      {"neck", "head_bottom"}, {"upper_neck", "head_bottom"}, {"top_head", "head_top"}, {"head", "head_top"}};
  for (const auto& [alias, joint] : kAliases) {
    if (name == alias) return joint;
  }
  return name;
}

std::pair<double, double> midpoint(const Keypoint& a, const Keypoint& b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }

// Collects the points that a derived joint rests on; it is no surer than the least sure of them.
struct Support {
  double score = std::numeric_limits<double>::infinity();
  float visibility = std::numeric_limits<float>::infinity();

  void add(const Keypoint& keypoint) {
    score = std::min(score, keypoint.score);
    visibility = std::min(visibility, keypoint.visibility);
  }
  Keypoint point(double x, double y) const { return {.x = x, .y = y, .score = score, .visibility = visibility, .present = true}; }
};

}  // namespace

int JointSet::index(std::string_view name) const {
  for (int i = 0; i < size(); ++i) {
    if (same_joint(names[static_cast<std::size_t>(i)], name)) return i;
  }
  return -1;
}

bool same_joint(std::string_view a, std::string_view b) { return canonical(a) == canonical(b); }

const JointSet& coco17() {
  static const JointSet set = make_set(
      "coco17",
      {"nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
       "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"},
      {{"left_shoulder", "right_shoulder"},
       {"left_eye", "right_eye"},
       {"nose", "left_eye"},
       {"nose", "right_eye"},
       {"left_eye", "left_ear"},
       {"right_eye", "right_ear"},
       {"left_ear", "left_shoulder"},
       {"right_ear", "right_shoulder"}});
  return set;
}

const JointSet& posetrack15() {
  static const JointSet set =
      make_set("posetrack15",
               {"right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
                "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top"},
               with_neck({{"head_bottom", "nose"}, {"nose", "head_top"}}));
  return set;
}

const JointSet& posetrack18() {
  static const JointSet set = make_set(
      "posetrack18",
      {"nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
       "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"},
      with_neck({{"head_bottom", "nose"}, {"nose", "head_top"}}));
  return set;
}

const JointSet& posetrack21_kit() {
  static const JointSet set =
      make_set("posetrack21_kit",
               {"nose", "head_bottom", "head_top", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
                "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"},
               with_neck({{"head_bottom", "nose"}, {"nose", "head_top"}}));
  return set;
}

const JointSet& crowdpose14() {
  static const JointSet set =
      make_set("crowdpose14",
               {"left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
                "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "head_top", "neck"},
               with_neck({{"head_bottom", "head_top"}}));
  return set;
}

namespace {

std::array<const JointSet*, 5> all_sets() {
  return {&coco17(), &posetrack15(), &posetrack18(), &posetrack21_kit(), &crowdpose14()};
}

}  // namespace

const JointSet* find_joint_set(std::string_view id) {
  for (const JointSet* set : all_sets()) {
    if (set->id == id) return set;
  }
  return nullptr;
}

const JointSet* find_joint_set(std::span<const std::string> names) {
  for (const JointSet* set : all_sets()) {
    if (std::equal(names.begin(), names.end(), set->names.begin(), set->names.end(), same_joint)) return set;
  }
  return nullptr;
}

std::vector<int> joint_map(std::span<const std::string> from, std::span<const std::string> to) {
  std::vector<int> map;
  for (const std::string& name : to) {
    const auto found = std::find_if(from.begin(), from.end(), [&](const std::string& other) { return same_joint(other, name); });
    map.push_back(found == from.end() ? -1 : static_cast<int>(found - from.begin()));
  }
  return map;
}

HeadJoints head_joints_from_coco(std::span<const Keypoint> k) {
  if (k.size() != 17) throw Error(ErrorCode::kUsage, "", "COCO poses have 17 keypoints, not " + std::to_string(k.size()));
  HeadJoints head;
  const Keypoint &left_shoulder = k[5], &right_shoulder = k[6], &left_hip = k[11], &right_hip = k[12];
  if (!left_shoulder.present || !right_shoulder.present) return head;
  Support support;
  support.add(left_shoulder);
  support.add(right_shoulder);
  double nose_x = 0, nose_y = 0;
  int count = 0;
  for (int joint = k[0].present ? 0 : 1, last = k[0].present ? 0 : 4; joint <= last; ++joint) {
    const Keypoint& face = k[static_cast<std::size_t>(joint)];
    if (!face.present) continue;
    support.add(face);
    nose_x += face.x;
    nose_y += face.y;
    ++count;
  }
  if (count == 0) return head;
  nose_x /= count;
  nose_y /= count;
  const auto [shoulder_x, shoulder_y] = midpoint(left_shoulder, right_shoulder);
  const double dx = nose_x - shoulder_x, dy = nose_y - shoulder_y;
  head.head_bottom = support.point(shoulder_x + kNeckFraction * dx, shoulder_y + kNeckFraction * dy);
  head.head_top = support.point(nose_x + kHeadTopFractionNoHips * dx, nose_y + kHeadTopFractionNoHips * dy);
  if (left_hip.present && right_hip.present) {
    const auto [hip_x, hip_y] = midpoint(left_hip, right_hip);
    const double torso = std::hypot(shoulder_x - hip_x, shoulder_y - hip_y);
    if (torso > 0) {
      const double step = kHeadTopFraction * std::hypot(dx, dy) / torso;
      head.head_top.x = nose_x + step * (shoulder_x - hip_x);
      head.head_top.y = nose_y + step * (shoulder_y - hip_y);
    }
  }
  return head;
}

std::vector<Keypoint> convert_keypoints(std::span<const Keypoint> keypoints, const JointSet& from, const JointSet& to) {
  if (static_cast<int>(keypoints.size()) != from.size()) {
    throw Error(ErrorCode::kUsage, "",
                "a pose of " + std::to_string(keypoints.size()) + " keypoints is not in the order " + from.id);
  }
  const std::vector<int> map = joint_map(from.names, to.names);
  std::vector<Keypoint> converted(to.names.size());
  for (std::size_t i = 0; i < converted.size(); ++i) {
    if (map[i] >= 0) converted[i] = keypoints[static_cast<std::size_t>(map[i])];
  }
  if (from.id != "coco17") return converted;
  const int bottom = to.index("head_bottom"), top = to.index("head_top");
  if (bottom < 0 && top < 0) return converted;
  const HeadJoints head = head_joints_from_coco(keypoints);
  if (bottom >= 0) converted[static_cast<std::size_t>(bottom)] = head.head_bottom;
  if (top >= 0) converted[static_cast<std::size_t>(top)] = head.head_top;
  return converted;
}

}  // namespace vepe::formats
