#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/random.h"
#include "data/affine.h"
#include "data/colour.h"
#include "data/config.h"

namespace vepe::data {

// A move of the finished canvas about its centre.
struct Camera {
  double x = 0, y = 0;  // share of the canvas
  double rotation = 0;  // radians
  double zoom = 1;
};

// One random draw, independent of the picture: applied to each frame of a clip it changes all of them alike.
struct AugmentParams {
  enum class Policy { kNone, kAffine, kPetr };
  Policy policy = Policy::kNone;
  int long_side = 0;                        // "none", "affine": of the canvas
  int canvas_width = 0, canvas_height = 0;  // > 0: this canvas instead (a quarter of a mosaic)
  bool flip = false;
  double rotation = 0;              // radians
  double scale = 1, aspect = 1;     // aspect: x scale / y scale
  double shift_x = 0, shift_y = 0;  // share of the canvas

  bool crop = false;  // "petr"
  int short_side = 0, long_max = 0;
  int crop_short = 0, crop_low = 0, crop_high = 0;
  std::array<double, 4> crop_uniform{};  // height, width, top, left, each 0..1

  Camera camera;  // of one frame of a clip made from a still ("affine", "petr")

  Colour colour;
  double blur_length = 0, blur_angle = 0;  // motion
  double blur_sigma = 0;                   // Gaussian
  double noise = 0;
  int occluders = 0;
  std::uint64_t seed = 0;  // of noise and occluders
  std::array<std::uint8_t, 3> border{};
  double min_person = 0;
  std::vector<int> flip_order;
};

// The long side of a batch.
int draw_long_side(const AugmentConfig& config, Random& random);
// `long_side` 0 draws one.
AugmentParams draw_augment(const AugmentConfig& config, Random& random, int long_side = 0);
Sample apply_augment(const Sample& sample, const AugmentParams& params);

// Both in one, for single pictures.
Sample augment(const Sample& sample, const AugmentConfig& config, Random& random);

// Four pictures on the canvas of the first, each with a draw of its own, meeting at a random point. A picture with
// unlabelled bystanders makes its quarter a region to ignore.
Sample mosaic(const std::array<const Sample*, 4>& parts, const AugmentConfig& config, Random& random, int long_side);

// A part of the picture, 0.3 to 0.8 of each side, that neither a person nor a region to ignore touches. Nothing when none
// is found in some tries, or when the people of the picture are not all labelled.
std::optional<Sample> background_part(const Sample& sample, Random& random);

}  // namespace vepe::data
