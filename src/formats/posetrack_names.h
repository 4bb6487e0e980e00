#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vepe::formats {

// PoseTrack18 numbers images S VVVVVV FFFF, S = 1 for mpii, 2 for bonn, 3 for mpiinew: frame 12 of 000101_mpii_test is
// 10001010012. `sequence` is a name like that; one without a number counts as video 1, one without source as mpii.
std::int64_t make_posetrack_image_id(std::string_view sequence, std::int64_t frame);
// The id of "images/val/000101_mpii_test/000012.jpg"; nothing for another kind of name.
std::optional<std::int64_t> posetrack_image_id(std::string_view file_name);

}  // namespace vepe::formats
