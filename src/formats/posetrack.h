#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/pose_data.h"

namespace vepe::formats {

enum class PoseTrackLayout {
  kPoseTrack17,  // annolist: point lists with joint ids 0..14
  kPoseTrack18,  // COCO-like, one sequence a file
  kPoseTrack21   // as 18, with ignore regions and is_labeled on every image
};

// Reads one sequence, annotations or predictions. Joint order: posetrack15() for 17; `categories[0].keypoints` of the
// file for 18 and 21 (posetrack18() when a prediction file has no categories). `name` of the result is the stem.
// A point list that is empty, and one that is missing, stay apart (Person::keypoints). Duplicate track ids in a frame,
// missing head boxes and frame counts are the business of eval, which knows what its protocol needs.
// Throws Error(kInput) naming file, frame or annotation id, and "is a PoseTrack17 annolist" and the like when the
// layout is another one.
Sequence read_posetrack(const std::filesystem::path& path, PoseTrackLayout layout, const ReadOptions& options = {});
Sequence parse_posetrack(std::string_view text, const std::string& name, PoseTrackLayout layout, const ReadOptions& options = {});

// Which layout a file has, from its first key ("annolist" or not); 18 and 21 are told apart by `ignore_regions_x`
// being on every image, which needs a full read, so this answers kPoseTrack18 for both.
PoseTrackLayout detect_posetrack_layout(const std::filesystem::path& path);

}  // namespace vepe::formats
