#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vepe::video {

// An 8-bit RGB picture, rows top to bottom, no padding: `pixels[(y * width + x) * 3 + channel]`.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;

  std::uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3; }
  const std::uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3; }
};

// Reads JPEG, PNG, BMP, TIFF, WebP: 16-bit, grey, palette, CMYK and alpha (over black) become 8-bit RGB; the EXIF
// orientation is applied. JPEG goes through libjpeg-turbo, so pixels do not depend on the OpenCV build.
// Throws Error(kInput) for a file that is missing, empty, truncated, zero-sized or no image.
Image read_image(const std::filesystem::path& path);

// Pictures above this are refused before anything is allocated for them (0.8 GB of RGB).
inline constexpr std::uint64_t kMaxImagePixels = std::uint64_t{1} << 28;

// The same from the bytes of a file; `where` names them in errors.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& where, std::uint64_t max_pixels = kMaxImagePixels);

// Two-tap bilinear interpolation at half-pixel centres without antialiasing (the small trunk's own preprocessing).
Image resize_bilinear(const Image& image, int width, int height);

// By extension: .png or .jpg (quality 92). Throws Error(kOutput).
void write_image(const std::filesystem::path& path, const Image& image);

}  // namespace vepe::video
