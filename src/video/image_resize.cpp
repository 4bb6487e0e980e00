#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "video/image.h"

namespace vepe::video {
namespace {

// The two source positions of each output position and the weight of the second.
struct Taps {
  std::vector<int> first, second;
  std::vector<float> weight;
};

Taps make_taps(int source, int target) {
  Taps taps{std::vector<int>(static_cast<std::size_t>(target)), std::vector<int>(static_cast<std::size_t>(target)),
            std::vector<float>(static_cast<std::size_t>(target))};
  const float scale = static_cast<float>(source) / static_cast<float>(target);
  for (std::size_t i = 0; i < taps.first.size(); ++i) {
    const float position = std::max(0.0f, (static_cast<float>(i) + 0.5f) * scale - 0.5f);
    taps.first[i] = std::min(static_cast<int>(position), source - 1);
    taps.second[i] = std::min(taps.first[i] + 1, source - 1);
    taps.weight[i] = std::clamp(position - static_cast<float>(taps.first[i]), 0.0f, 1.0f);
  }
  return taps;
}

void blend_columns(const std::uint8_t* from, const Taps& taps, float* to) {
  for (std::size_t x = 0; x < taps.first.size(); ++x, to += 3) {
    const std::uint8_t* a = from + 3 * taps.first[x];
    const std::uint8_t* b = from + 3 * taps.second[x];
    const float weight = taps.weight[x];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<float>(a[c]) * (1 - weight) + static_cast<float>(b[c]) * weight;
  }
}

void blend_rows(const float* __restrict a, const float* __restrict b, float weight, std::size_t count,
                std::uint8_t* __restrict to) {
  for (std::size_t i = 0; i < count; ++i)
    to[i] = static_cast<std::uint8_t>(static_cast<int>(a[i] * (1 - weight) + b[i] * weight + 0.5f));
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) {
  if (width <= 0 || height <= 0 || image.width <= 0 || image.height <= 0) {
    throw Error(ErrorCode::kUsage, "",
                "cannot resize " + std::to_string(image.width) + "x" + std::to_string(image.height) + " to " +
                    std::to_string(width) + "x" + std::to_string(height),
                "both sizes have to be positive");
  }
  if (width == image.width && height == image.height) return image;
  const Taps columns = make_taps(image.width, width), rows = make_taps(image.height, height);
  const std::size_t count = static_cast<std::size_t>(width) * 3;
  Image result{width, height, std::vector<std::uint8_t>(count * static_cast<std::size_t>(height))};
  std::array<std::vector<float>, 2> cache{std::vector<float>(count), std::vector<float>(count)};
  std::array<int, 2> cached{-1, -1};  // source row in each slot; neighbouring output rows mostly share them
  const auto blended_row = [&](int y, int keep) -> std::size_t {
    for (std::size_t slot = 0; slot < 2; ++slot) {
      if (cached[slot] == y) return slot;
    }
    const std::size_t slot = cached[0] == keep ? 1 : 0;
    blend_columns(image.row(y), columns, cache[slot].data());
    cached[slot] = y;
    return slot;
  };
  for (int y = 0; y < height; ++y) {
    const auto i = static_cast<std::size_t>(y);
    const std::size_t first = blended_row(rows.first[i], rows.second[i]);
    const std::size_t second = blended_row(rows.second[i], rows.first[i]);
    blend_rows(cache[first].data(), cache[second].data(), rows.weight[i], count, result.row(y));
  }
  return result;
}

}  // namespace vepe::video
