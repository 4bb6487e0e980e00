#pragma once

#include <cstdint>
#include <span>

#include "video/image.h"

namespace vepe::video {

// How stored pixels become an upright picture, numbered as EXIF tag 0x0112 numbers them.
enum class Orientation {
  kUpright = 1,
  kMirrored = 2,  // left and right exchanged
  kTurned180 = 3,
  kFlipped = 4,          // top and bottom exchanged
  kTransposed = 5,       // rows and columns exchanged
  kClockwise = 6,        // turn by 90 degrees clockwise to get it upright
  kTransverse = 7,       // exchanged along the other diagonal
  kCounterclockwise = 8  // turn by 90 degrees counterclockwise to get it upright
};

// True for the four that exchange width and height.
bool swaps_sides(Orientation orientation);

Image make_upright(Image image, Orientation orientation);

// The orientation that a picture file states: EXIF in JPEG (APP1), PNG (eXIf) and WebP (EXIF), the tag itself in
// TIFF. Missing or broken metadata means kUpright, because the picture itself may still be sound.
Orientation stated_orientation(std::span<const std::uint8_t> file);

// Width and height as a TIFF header states them, {0, 0} when it does not.
struct TiffSize {
  std::uint32_t width = 0, height = 0;
};
TiffSize tiff_size(std::span<const std::uint8_t> tiff);

}  // namespace vepe::video
