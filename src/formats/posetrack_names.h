#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vepe::formats {

// PoseTrack18 numbers images 1 VVVVVV FFFF: video 000101, frame 12 -> 10001010012.
inline std::int64_t make_posetrack_image_id(std::int64_t video, std::int64_t frame) { return 10000000000 + video * 10000 + frame; }
std::optional<std::int64_t> posetrack_video_number(std::string_view sequence);  // "000101_mpii_test" -> 101
std::optional<std::int64_t> posetrack_image_id(std::string_view file_name);     // "images/val/000101_mpii_test/000012.jpg"

}  // namespace vepe::formats
