#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/pose_data.h"

namespace vepe::formats {

// Our JSON Lines: one frame a line,
//   {"index": 0, "pts": 0.04, "width": 1280, "height": 720,
//    "people": [{"id": 3, "score": 0.9, "bbox": [x, y, w, h], "keypoints": [[x, y, score], ..], "embedding": [..]}]}
// Optional on a frame: "joints" (names; needed once, on the first line, when K is not 17 of COCO or 15 of PoseTrack),
// "file_name", "image_id". A keypoint that the source lacks is null. `id`, `score`, `bbox`, `embedding` are optional.
// Throws Error(kInput) naming file and line.
Sequence read_jsonl(const std::filesystem::path& path, const ReadOptions& options = {});
Sequence parse_jsonl(std::string_view text, const std::string& name, const ReadOptions& options = {});

}  // namespace vepe::formats
