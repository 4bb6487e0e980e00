#pragma once

#include <string_view>

namespace vepe::formats {

// The columns before the joints'.
inline constexpr std::string_view kCsvColumns[] = {"frame", "pts", "width", "height", "id", "score", "x", "y", "w", "h"};

}  // namespace vepe::formats
