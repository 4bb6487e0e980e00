#include "synth/finish.h"

#include <opencv2/imgproc.hpp>

#include "video/image_jpeg.h"

namespace vepe::synth {
namespace {

std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// A sum of four bytes is nearly normal: mean 510, standard deviation 147.8.
float nearly_normal(std::uint32_t bits) {
  const auto sum = (bits & 255u) + (bits >> 8 & 255u) + (bits >> 16 & 255u) + (bits >> 24);
  return (static_cast<float>(sum) - 510.0f) * (1.0f / 147.8f);
}

void soften(std::vector<float>& pixels, int width, int height, float amount) {
  // [a, 1 - 2 a, a] across, then down, keeping one old row.
  const float a = amount * 0.25f, centre = 1 - 2 * a;
  const std::size_t stride = static_cast<std::size_t>(width) * 3;
  std::vector<float> above(stride), here(stride);
  for (int y = 0; y < height; ++y) {
    float* row = pixels.data() + static_cast<std::size_t>(y) * stride;
    std::copy(row, row + stride, here.begin());
    for (std::size_t i = 3; i + 3 < stride; ++i) row[i] = centre * here[i] + a * (here[i - 3] + here[i + 3]);
  }
  for (int y = 0; y < height; ++y) {
    float* row = pixels.data() + static_cast<std::size_t>(y) * stride;
    std::copy(row, row + stride, here.begin());
    const float* below = y + 1 < height ? row + stride : here.data();
    const float* upper = y > 0 ? above.data() : here.data();
    for (std::size_t i = 0; i < stride; ++i) row[i] = centre * here[i] + a * (upper[i] + below[i]);
    std::swap(above, here);
  }
}

}  // namespace

Finish draw_finish(int width, int height, bool blur, Random random) {
  Finish finish;
  const double size = std::min(width, height) / 288.0;
  finish.soft = static_cast<float>(random.uniform(0.2, 1.0));
  if (blur && random.chance(0.25)) finish.defocus_px = random.uniform(0.6, 1.8) * size;
  finish.gain = static_cast<float>(random.uniform(0.88, 1.12));
  finish.contrast = static_cast<float>(random.uniform(0.85, 1.15));
  finish.saturation = static_cast<float>(random.chance(0.03) ? 0.0 : random.uniform(0.7, 1.15));
  finish.warmth = static_cast<float>(0.03 * random.normal());
  finish.vignette = static_cast<float>(random.chance(0.4) ? random.uniform(0.0, 0.25) : 0.0);
  finish.noise = static_cast<float>(random.chance(0.1) ? random.uniform(4, 8) : random.uniform(0.8, 3.5));
  if (random.chance(0.5)) finish.jpeg_quality = static_cast<int>(random.integer(45, 92));
  return finish;
}

double draw_focus_loss(int width, int height, Random random) {
  return random.chance(1.0 / 3) ? random.uniform(2.5, 5.0) * std::min(width, height) / 288.0 : 0;
}

video::Image finish_picture(std::vector<float>& pixels, int width, int height, const Finish& finish, std::uint64_t noise_seed) {
  if (finish.defocus_px > 0) {
    cv::Mat view(height, width, CV_32FC3, pixels.data());
    cv::GaussianBlur(view, view, cv::Size(0, 0), finish.defocus_px);
  }
  soften(pixels, width, height, finish.soft);
  video::Image image;
  image.width = width;
  image.height = height;
  image.pixels.resize(pixels.size());
  const float red = finish.gain * (1 + finish.warmth), blue = finish.gain * (1 - finish.warmth);
  for (int y = 0; y < height; ++y) {
    const float* from = pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
    std::uint8_t* to = image.row(y);
    const float vy = (static_cast<float>(y) / static_cast<float>(height) - 0.5f) * 2;
    for (int x = 0; x < width; ++x, from += 3, to += 3) {
      const float vx = (static_cast<float>(x) / static_cast<float>(width) - 0.5f) * 2;
      const float shade = 1 - finish.vignette * 0.5f * (vx * vx + vy * vy);
      const std::uint64_t bits =
          mix_bits(noise_seed + static_cast<std::uint64_t>(y) * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(x));
      // Mostly brightness noise, some of it coloured.
      const float grain = nearly_normal(static_cast<std::uint32_t>(bits)) * finish.noise;
      const float tint = nearly_normal(static_cast<std::uint32_t>(bits >> 32)) * finish.noise * 0.5f;
      const float r = from[0] * red, g = from[1] * finish.gain, b = from[2] * blue;
      const float grey = 0.3f * r + 0.59f * g + 0.11f * b;
      const auto tone = [&](float value, float noise) {
        const float out = ((grey + (value - grey) * finish.saturation - 118) * finish.contrast + 118) * shade + noise;
        return static_cast<std::uint8_t>(std::clamp(out + 0.5f, 0.0f, 255.0f));
      };
      to[0] = tone(r, grain + tint);
      to[1] = tone(g, grain - 0.3f * tint);
      to[2] = tone(b, grain - tint);
    }
  }
  if (finish.jpeg_quality > 0) {
    const auto bytes = video::encode_jpeg(image, finish.jpeg_quality);
    image = video::decode_jpeg(bytes, "synthetic frame", std::uint64_t{1} << 28);
  }
  return image;
}

}  // namespace vepe::synth
