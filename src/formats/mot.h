#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/pose_data.h"

namespace vepe::formats {

// MOTChallenge text, one box a line: frame (from 1), id, left, top, width, height, confidence [, class [, visibility]]
// for ground truth, `conf, -1, -1, -1` for results. Frame::index = frame - 1; Person::track_id = id (absent for -1),
// score = confidence, no keypoints. Frames are sorted by number; frames without a line are not in the result.
// Throws Error(kInput) naming file and line.
Sequence read_mot(const std::filesystem::path& path, const ReadOptions& options = {});
Sequence parse_mot(std::string_view text, const std::string& name, const ReadOptions& options = {});

}  // namespace vepe::formats
