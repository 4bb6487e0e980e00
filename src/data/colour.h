#pragma once

#include <array>
#include <cstdint>

#include "data/sample.h"

namespace vepe::data {

// One draw of photometric changes; the defaults change nothing.
struct Colour {
  double brightness = 0;                 // added
  double contrast = 1;                   // factor
  bool contrast_first = true;            // before saturation and hue, else after
  double saturation = 1;                 // factor of HSV saturation
  double hue = 0;                        // degrees
  std::array<int, 3> order = {0, 1, 2};  // channel c is taken from order[c]
  bool grey = false;

  bool identity() const;
};

// In floating point, rounded and clamped once at the end.
void apply_colour(video::Image& image, const Colour& colour);

// Mean over `length` pixels along a line at `angle` (radians). Nothing happens below a length of 1.5.
void motion_blur(video::Image& image, double length, double angle);
// Nothing happens below sigma = 0.3.
void gaussian_blur(video::Image& image, double sigma);
// Adds grey and colour noise of one standard deviation each; the same for the same seed.
void add_noise(video::Image& image, double deviation, std::uint64_t seed);

}  // namespace vepe::data
