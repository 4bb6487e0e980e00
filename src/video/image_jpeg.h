#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "video/image.h"

namespace vepe::video {

// Throws Error(kInput) unless 1 <= width, height and the area is at most `max_pixels`.
void check_image_size(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels, const std::string& where);

// Decodes a JPEG as it is stored (no EXIF turn). Grey, YCbCr, RGB, CMYK and YCCK; baseline and progressive.
// Throws Error(kInput); a picture whose data ends too early is an error too.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& where, std::uint64_t max_pixels);

// Quality 1 to 100, 4:2:0.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace vepe::video
