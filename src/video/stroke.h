#pragma once

#include <array>
#include <cstdint>

#include "video/image.h"

namespace vepe::video {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

struct Position {
  float x = 0, y = 0;  // pixels; the centre of the top left pixel is (0, 0)
};

// Blends a line with round ends into the picture, anti-aliased; a line from a point to itself is a disc. What lies outside the
// picture is cut off, and coordinates that are not finite draw nothing. `radius` in pixels, `opacity` 0 to 1.
void stroke(Image& image, Position from, Position to, float radius, Colour colour, float opacity = 1);

}  // namespace vepe::video
