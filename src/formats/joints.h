#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/pose_data.h"

namespace vepe::formats {

// Names, order and geometry of one convention of body joints.
struct JointSet {
  std::string id;                          // "coco17", "posetrack15", ..
  std::vector<std::string> names;          // [K] in file order
  std::vector<double> sigmas;              // [K] OKS falloff (COCO's "sigma", not 2 sigma)
  std::vector<int> flip;                   // [K] index of the mirrored joint
  std::vector<std::pair<int, int>> limbs;  // pairs of joints to draw, also usable as COCO's `skeleton` (plus 1)

  int size() const { return static_cast<int>(names.size()); }
  int index(std::string_view name) const;  // -1 when the set has no such joint; knows aliases (head_bottom = neck)
};

// COCO's 17: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles (left before right).
const JointSet& coco17();
// PoseTrack17 as poseval numbers the joints: r_ankle 0 .. head_top 14.
const JointSet& posetrack15();
// The 17 slots of PoseTrack18 and PoseTrack21 files: nose, head_bottom, head_top, ears (never annotated), shoulders ..
const JointSet& posetrack18();
// The 15 joints of PoseTrack21's kit: the slots without the two ears.
const JointSet& posetrack21_kit();
// CrowdPose's 14: shoulders, elbows, wrists, hips, knees, ankles, head top, neck.
const JointSet& crowdpose14();

// Finds a set by id, or the one whose names equal `names` (aliases count as equal). Null when there is none.
const JointSet* find_joint_set(std::string_view id);
const JointSet* find_joint_set(std::span<const std::string> names);

// For each joint of `to` its index in `from`, or -1. Left and right are never exchanged; aliases are known.
std::vector<int> joint_map(std::span<const std::string> from, std::span<const std::string> to);

// True when both words name the same joint ("head_bottom", "neck", "upper_neck"; "head_top", "top_head").
bool same_joint(std::string_view a, std::string_view b);

// The documented rule by which a COCO-17 pose answers PoseTrack's head joints (docs/formats.md):
//   m = midpoint of the shoulders, n = nose (if absent: mean of the present eyes and ears)
//   head_bottom = m + kNeckFraction (n - m)
//   head_top    = n + kHeadTopFraction |n - m| u,   u = unit vector from the midpoint of the hips to m;
//                 without both hips n + kHeadTopFractionNoHips (n - m)
// The nose moves against the head when a person looks down or up; the axis of the torso does not, hence u.
// Score and visibility: the smallest of the points used; absent when a shoulder or every face point is absent.
inline constexpr double kNeckFraction = 0.3;
inline constexpr double kHeadTopFraction = 0.65;
inline constexpr double kHeadTopFractionNoHips = 0.5;
struct HeadJoints {
  Keypoint head_bottom, head_top;
};
HeadJoints head_joints_from_coco(std::span<const Keypoint> coco_keypoints);

// `keypoints` (in the order `from`) rewritten to the order `to`; joints that `from` lacks are absent, but PoseTrack's
// head joints are answered by the rule above when `from` is COCO-17 and `to` has them.
std::vector<Keypoint> convert_keypoints(std::span<const Keypoint> keypoints, const JointSet& from, const JointSet& to);

}  // namespace vepe::formats
