#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/pose_data.h"

namespace vepe::formats {

// CSV, one row per person and frame, with a header line:
//   frame,pts,width,height,id,score,x,y,w,h,<joint>_x,<joint>_y,<joint>_score,..
// Empty cells are absent values. A frame without persons is one row whose cells after `height` are empty.
// Throws Error(kInput) naming file and line.
Sequence read_csv(const std::filesystem::path& path, const ReadOptions& options = {});
Sequence parse_csv(std::string_view text, const std::string& name, const ReadOptions& options = {});

}  // namespace vepe::formats
