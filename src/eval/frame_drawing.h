#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "eval/posetrack_eval.h"

namespace vepe::eval {

// Width and height that a JPEG or PNG file states; nothing for other or broken bytes.
std::optional<std::pair<int, int>> picture_size(std::string_view bytes);

std::string base64(std::string_view bytes);

// The poses of a frame as SVG, over its picture when one is found under `frames`, fits into `budget` (which is then
// lowered) and is a JPEG or PNG.
std::string draw_frame(const WorstFrame& frame, const std::filesystem::path& frames, std::size_t& budget);

}  // namespace vepe::eval
