#pragma once

#include <array>
#include <utility>
#include <vector>

#include "eval/pose_frames.h"

namespace vepe::eval {

// Values of the 15 joints in the order of formats::posetrack15(), then Total; per cent.
using JointValues = std::array<double, kPoseJoints + 1>;

// A predicted joint: its score, and whether it is a true positive.
struct ScoredJoint {
  double score = 0;
  bool correct = false;
};

// What AP needs of a sequence. Lists of several sequences are joined with +=.
struct ApSamples {
  std::array<std::vector<ScoredJoint>, kPoseJoints> predicted;
  std::array<std::int64_t, kPoseJoints> annotated{};
  ApSamples& operator+=(const ApSamples& other);
};

// For each ground-truth person of a frame the prediction that it is paired with, or -1: each prediction keeps the
// person with the largest share of joints found (first on ties), each person then takes its best prediction. With
// `strict` the pairs are one to one and maximise the sum of shares.
std::vector<int> assign_persons(const EvalFrame& frame, bool strict);

// `refuse_empty_frames`: throw Error(kInput) for predictions in a frame without people, on which PoseTrack21's kit dies;
// otherwise they are false positives.
ApSamples collect_ap(const EvalSequence& sequence, bool strict, bool refuse_empty_frames = false);

enum class ApRules {
  kPoseval,      // a joint that was never annotated is NaN if predicted, and left out of the mean
  kPoseTrack21,  // such a joint is 0
  kStrict        // such a joint is left out of every mean
};

struct ApResult {
  JointValues ap{}, precision{}, recall{};
};

// Average precision over all recall points (VOC 2010). Equal scores keep their order.
ApResult average_precision(const ApSamples& samples, ApRules rules);

// Head, Shou, Elb, Wri, Hip, Knee, Ankl, Total, as all PoseTrack tables list them.
inline constexpr int kJointGroups = 8;
extern const std::array<const char*, kJointGroups> kGroupNames;
// Mean over each group's joints; NaN if one is NaN, unless `skip_nan`.
std::array<double, kJointGroups> group_means(const JointValues& values, bool skip_nan = false);

}  // namespace vepe::eval
