#include "video/stroke.h"

#include <algorithm>
#include <cmath>

namespace vepe::video {
namespace {

struct Line {
  float x, y, dx, dy, inverse_length2, radius;

  // Squared distance of (px, py) from the line.
  float distance2(float px, float py) const {
    const float along = std::clamp(((px - x) * dx + (py - y) * dy) * inverse_length2, 0.0f, 1.0f);
    const float ex = px - x - along * dx, ey = py - y - along * dy;
    return ex * ex + ey * ey;
  }

  // Columns that row py can touch: those around the piece of the line whose rows are within `reach` of py.
  bool columns(float py, float reach, float& left, float& right) const {
    float first = 0, last = 1;
    if (std::abs(dy) > 1e-6f) {
      first = std::clamp((py - reach - y) / dy, 0.0f, 1.0f);
      last = std::clamp((py + reach - y) / dy, 0.0f, 1.0f);
      if (first == last && (first == 0 || first == 1) && std::abs(py - (y + first * dy)) > reach) return false;
    }
    left = x + std::min(first * dx, last * dx) - reach;
    right = x + std::max(first * dx, last * dx) + reach;
    return true;
  }
};

}  // namespace

void stroke(Image& image, Position from, Position to, float radius, Colour colour, float opacity) {
  constexpr float kFarthest = 1e6f;  // keeps the arithmetic below exact enough
  for (const float value : {from.x, from.y, to.x, to.y}) {
    if (!(std::abs(value) < kFarthest)) return;
  }
  if (!(radius > 0) || !(opacity > 0) || image.width <= 0 || image.height <= 0) return;
  const float dx = to.x - from.x, dy = to.y - from.y, length2 = dx * dx + dy * dy;
  const Line line{from.x, from.y, dx, dy, length2 > 1e-12f ? 1 / length2 : 0, radius};
  const float reach = radius + 0.5f;  // coverage falls from 1 to 0 over one pixel around the edge
  const float inside = std::max(0.0f, radius - 0.5f), inside2 = inside * inside, reach2 = reach * reach;
  const int full = static_cast<int>(std::lround(std::min(opacity, 1.0f) * 256));
  const int top = std::max(0, static_cast<int>(std::ceil(std::min(from.y, to.y) - reach)));
  const int bottom = std::min(image.height - 1, static_cast<int>(std::floor(std::max(from.y, to.y) + reach)));
  for (int y = top; y <= bottom; ++y) {
    float left = 0, right = 0;
    if (!line.columns(static_cast<float>(y), reach, left, right)) continue;
    const int begin = std::max(0, static_cast<int>(std::ceil(left))),
              end = std::min(image.width - 1, static_cast<int>(std::floor(right)));
    std::uint8_t* pixel = image.row(y) + 3 * begin;
    for (int x = begin; x <= end; ++x, pixel += 3) {
      const float distance2 = line.distance2(static_cast<float>(x), static_cast<float>(y));
      if (distance2 >= reach2) continue;
      const int weight =
          distance2 <= inside2 ? full : static_cast<int>(static_cast<float>(full) * std::min(1.0f, reach - std::sqrt(distance2)));
      for (std::size_t c = 0; c < 3; ++c) {
        pixel[c] = static_cast<std::uint8_t>(pixel[c] + (((static_cast<int>(colour[c]) - pixel[c]) * weight + 128) >> 8));
      }
    }
  }
}

}  // namespace vepe::video
