#include "data/colour.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.h"

namespace vepe::data {
namespace {

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f); }

// Changes hue (in sixths of the circle) and saturation of HSV; value stays. Works on unclamped numbers.
void shift_hue_saturation(float* rgb, float hue_sixths, float saturation) {
  const float r = rgb[0], g = rgb[1], b = rgb[2];
  const float value = std::max({r, g, b}), chroma = value - std::min({r, g, b});
  if (chroma <= 0) return;
  float hue = 0;
  if (value == r) {
    hue = (g - b) / chroma;
  } else if (value == g) {
    hue = 2 + (b - r) / chroma;
  } else {
    hue = 4 + (r - g) / chroma;
  }
  hue += hue_sixths + 12;  // keeps the argument of the remainder positive
  constexpr float kSector[3] = {5, 3, 1};
  for (int c = 0; c < 3; ++c) {
    float k = kSector[c] + hue;
    k -= 6 * static_cast<float>(static_cast<int>(k * (1.0f / 6)));
    rgb[c] = value - chroma * saturation * std::clamp(std::min(k, 4 - k), 0.0f, 1.0f);
  }
}

void blur_line(const float* kernel, int radius, const float* from, std::size_t from_step, float* to, std::size_t to_step,
               int count) {
  for (int i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      float sum = 0;
      for (int k = -radius; k <= radius; ++k) {
        sum += kernel[k + radius] * from[static_cast<std::size_t>(std::clamp(i + k, 0, count - 1)) * from_step + c];
      }
      to[static_cast<std::size_t>(i) * to_step + c] = sum;
    }
  }
}

}  // namespace

bool Colour::identity() const {
  return brightness == 0 && contrast == 1 && saturation == 1 && hue == 0 && order == std::array<int, 3>{0, 1, 2} && !grey;
}

void apply_colour(video::Image& image, const Colour& colour) {
  if (colour.identity()) return;
  const auto brightness = static_cast<float>(colour.brightness), contrast = static_cast<float>(colour.contrast);
  const float before = colour.contrast_first ? contrast : 1, after = colour.contrast_first ? 1 : contrast;
  const auto saturation = static_cast<float>(colour.saturation), hue = static_cast<float>(colour.hue / 60);
  const bool hsv = saturation != 1 || hue != 0;
  float table[256];
  for (int i = 0; i < 256; ++i) table[i] = (static_cast<float>(i) + brightness) * before;
  std::uint8_t* pixel = image.pixels.data();
  for (std::size_t i = 0; i < image.pixels.size(); i += 3, pixel += 3) {
    float rgb[3] = {table[pixel[0]], table[pixel[1]], table[pixel[2]]};
    if (hsv) shift_hue_saturation(rgb, hue, saturation);
    if (colour.grey) rgb[0] = rgb[1] = rgb[2] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = to_byte(rgb[colour.order[c]] * after);
  }
}

void motion_blur(video::Image& image, double length, double angle) {
  if (length < 1.5) return;
  const int taps = static_cast<int>(std::ceil(length));
  std::vector<std::array<int, 2>> offsets;
  for (int i = 0; i < taps; ++i) {
    const double t = -length / 2 + length * (i + 0.5) / taps;
    offsets.push_back({static_cast<int>(std::lround(t * std::cos(angle))), static_cast<int>(std::lround(t * std::sin(angle)))});
  }
  const video::Image source = image;
  std::vector<int> sum(static_cast<std::size_t>(image.width) * 3);
  for (int y = 0; y < image.height; ++y) {
    std::fill(sum.begin(), sum.end(), taps / 2);
    for (const auto& [dx, dy] : offsets) {
      const std::uint8_t* from = source.row(std::clamp(y + dy, 0, image.height - 1));
      const int low = std::clamp(-dx, 0, image.width), high = std::clamp(image.width - dx, low, image.width);
      int* to = sum.data();
      const auto add = [&](int x, int at) {
        for (int c = 0; c < 3; ++c) to[3 * x + c] += from[3 * at + c];
      };
      for (int x = 0; x < low; ++x) add(x, 0);
      for (int i = 3 * low; i < 3 * high; ++i) to[i] += from[i + 3 * dx];
      for (int x = high; x < image.width; ++x) add(x, image.width - 1);
    }
    std::transform(sum.begin(), sum.end(), image.row(y), [taps](int total) { return static_cast<std::uint8_t>(total / taps); });
  }
}

void gaussian_blur(video::Image& image, double sigma) {
  if (sigma < 0.3) return;
  const int radius = static_cast<int>(std::ceil(2.5 * sigma));
  std::vector<float> kernel;
  float total = 0;
  for (int i = -radius; i <= radius; ++i) {
    kernel.push_back(static_cast<float>(std::exp(-0.5 * i * i / (sigma * sigma))));
    total += kernel.back();
  }
  for (float& weight : kernel) weight /= total;
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  std::vector<float> source(image.pixels.begin(), image.pixels.end()), rows(source.size());
  for (int y = 0; y < image.height; ++y) {
    const std::size_t at = static_cast<std::size_t>(y) * stride;
    blur_line(kernel.data(), radius, source.data() + at, 3, rows.data() + at, 3, image.width);
  }
  for (int y = 0; y < image.height; ++y) {
    std::vector<float> sum(stride, 0.0f);
    for (int k = -radius; k <= radius; ++k) {
      const float weight = kernel[static_cast<std::size_t>(k + radius)];
      const float* from = rows.data() + static_cast<std::size_t>(std::clamp(y + k, 0, image.height - 1)) * stride;
      for (std::size_t i = 0; i < stride; ++i) sum[i] += weight * from[i];
    }
    std::transform(sum.begin(), sum.end(), image.row(y), to_byte);
  }
}

void add_noise(video::Image& image, double deviation, std::uint64_t seed) {
  if (deviation <= 0) return;
  Random random(seed);
  // A table of normal numbers read from random places: real draws for each pixel would cost more than the whole warp.
  std::array<float, 4096> table;
  for (float& value : table) value = static_cast<float>(random.normal() * deviation * 0.7071);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    const std::uint64_t bits = random.next();
    const float grey = table[bits & 4095];
    for (std::size_t c = 0; c < 3; ++c) {
      image.pixels[i + c] = to_byte(static_cast<float>(image.pixels[i + c]) + grey + table[(bits >> (12 * (c + 1))) & 4095]);
    }
  }
}

}  // namespace vepe::data
