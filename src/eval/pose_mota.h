#pragma once

#include <array>

#include "eval/clear_mot.h"
#include "eval/pose_ap.h"

namespace vepe::eval {

// CLEAR-MOT of each joint over one sequence, as poseval counts it.
struct MotaCounts {
  std::array<ClearCounts, kPoseJoints> joints;
  MotaCounts& operator+=(const MotaCounts& other);
};

// `strict`: textbook counting (docs/metrics.md). Throws Error(kInput) where the kit has no result: a sequence of
// which one frame at most is left.
MotaCounts count_mota(const EvalSequence& sequence, bool strict);

// Per cent; NaN where nothing is annotated.
struct MotaResult {
  JointValues mota{}, motp{}, precision{}, recall{};
};
MotaResult mota_from_counts(const MotaCounts& counts, bool strict);

}  // namespace vepe::eval
