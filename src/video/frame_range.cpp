#include "video/frame_range.h"

#include <charconv>
#include <vector>

#include "core/error.h"

namespace vepe::video {
namespace {

[[noreturn]] void fail(const std::string& text, const std::string& message) {
  throw Error(ErrorCode::kUsage, "--frames " + text, message, "write FIRST:END:STEP, e.g. 100:200:2; any part may be left out");
}

}  // namespace

FrameRange parse_frame_range(const std::string& text) {
  std::vector<std::optional<std::int64_t>> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t colon = std::min(text.find(':', start), text.size());
    const std::string part = text.substr(start, colon - start);
    std::int64_t value = 0;
    if (part.empty()) {
      parts.emplace_back();
    } else {
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
      if (error != std::errc() || end != part.data() + part.size() || value < 0) fail(text, "'" + part + "' is no frame number");
      parts.emplace_back(value);
    }
    if (colon == text.size()) break;
    start = colon + 1;
  }
  if (parts.size() > 3 || text.empty()) fail(text, "does not name frames");
  FrameRange range;
  range.first = parts[0].value_or(0);
  if (parts.size() == 1) {
    range.end = range.first + 1;
    return range;
  }
  range.end = parts[1];
  if (parts.size() == 3) range.step = parts[2].value_or(1);
  if (range.step == 0) fail(text, "the step is 0");
  if (range.end && *range.end <= range.first) fail(text, "holds no frame");
  return range;
}

}  // namespace vepe::video
