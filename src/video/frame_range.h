#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vepe::video {

// Frames first, first + step, ... below end, counted from 0.
struct FrameRange {
  std::int64_t first = 0;
  std::optional<std::int64_t> end;
  std::int64_t step = 1;

  bool contains(std::int64_t index) const { return index >= first && (!end || index < *end) && (index - first) % step == 0; }
  bool is_past(std::int64_t index) const { return end && index >= *end; }
  bool is_all() const { return first == 0 && !end && step == 1; }
};

// "A:B:S" with any part left out ("100:", ":50", "::2", "100:200:5"); a single "N" is that frame alone.
// Throws Error(kUsage).
FrameRange parse_frame_range(const std::string& text);

}  // namespace vepe::video
