#pragma once

#include <array>
#include <span>

#include "eval/hota.h"
#include "eval/pose_ap.h"

namespace vepe::eval {

// Keypoint HOTA of PoseTrack21's kit: one set of curves per joint (order of formats::posetrack15()), and in column 15
// the total: of a sequence the mean over joints (counts: their sum), of several see combine_pose_hota().
struct PoseHota {
  std::array<HotaCurves, kPoseJoints + 1> columns;  // strict: NaN for a joint that is never annotated
};

// `strict`: textbook counting and matching (docs/metrics.md).
PoseHota pose_hota(const EvalSequence& sequence, bool strict);

// The kit's COMBINED_SEQ: every column, the total's too, is combined over sequences with its own TP as weight.
// `strict`: the total is the mean over the combined joints.
PoseHota combine_pose_hota(std::span<const PoseHota> sequences, bool strict);

// 100 * mean over the thresholds of one field of each column, named as in hota_fields(); counts are not scaled.
std::vector<std::pair<const char*, JointValues>> pose_hota_values(const PoseHota& hota);

}  // namespace vepe::eval
