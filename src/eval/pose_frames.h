#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/pose_data.h"

namespace vepe::eval {

inline constexpr int kPoseJoints = 15;  // in the order of formats::posetrack15(): right ankle 0 .. head top 14

// One person as the pose metrics see it; pixels.
struct EvalPerson {
  std::array<double, kPoseJoints> x{}, y{}, score{};
  std::array<bool, kPoseJoints> present{};
  std::int64_t track_id = -1;
  double head_size = 0;  // 0.6 of the head box's diagonal; NaN without a head box
  int source = -1;       // index in formats::Frame::persons

  int present_count() const {
    int count = 0;
    for (bool p : present) count += p;
    return count;
  }
};

// One frame after the kit's loading rules: frames and persons that do not count are gone.
struct EvalFrame {
  std::vector<EvalPerson> gt, predictions;
  int source = -1;  // index in formats::Sequence::frames

  // Normalised distance |prediction - ground truth| / head size of the ground truth, [predictions, gt, joints];
  // infinite where one of the points is missing. Filled by compute_distances().
  std::vector<double> distances;
  double distance(std::size_t p, std::size_t g, int joint) const { return distances[(p * gt.size() + g) * kPoseJoints + joint]; }
};

struct EvalSequence {
  std::string name;
  std::vector<EvalFrame> frames;
};

// Which kit's rules choose frames, persons and points (docs/metrics.md).
enum class FrameRules {
  kPoseval,  // PoseTrack17 and 18
  kPoseTrack21
};

struct FrameOptions {
  FrameRules rules = FrameRules::kPoseval;
  bool need_track_ids = true;      // for MOTA and HOTA
  bool need_image_ids = false;     // ground truth and predictions must name the same image in each frame
  bool drop_empty_frames = false;  // PoseTrack21 rules: a labelled frame without people is passed over, not an error
  bool strict_definition = false;
  std::vector<formats::Skipped>* skipped = nullptr;  // lenient: defects are listed here and passed over
};

// Pairs the frames of one sequence and applies the loading rules. Throws Error(kInput) naming sequence and frame for
// unequal frame counts, foreign images, duplicate or missing track ids, people without head boxes, values that are not
// finite, unknown joints.
EvalSequence load_frames(const formats::Sequence& gt, const formats::Sequence& predictions, const FrameOptions& options);

// d <= 0.5 counts as found.
inline constexpr double kMatchDistance = 0.5;

}  // namespace vepe::eval
