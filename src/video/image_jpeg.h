#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "video/image.h"

namespace vepe::video {

// Pictures above this are refused before anything is allocated for them (0.8 GB of RGB).
inline constexpr std::uint64_t kMaxImagePixels = std::uint64_t{1} << 28;

// Throws Error(kInput) unless 1 <= width, height and the area is at most kMaxImagePixels.
void check_image_size(std::uint64_t width, std::uint64_t height, const std::string& where);

// Decodes a JPEG as it is stored (no EXIF turn). Grey, YCbCr, RGB, CMYK and YCCK; baseline and progressive.
// Throws Error(kInput); a picture whose data ends too early is an error too.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& where);

// Quality 1 to 100, 4:2:0.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace vepe::video
