#pragma once

#include <vector>

#include "core/random.h"
#include "video/image.h"

namespace vepe::synth {

// What a camera does to a picture: softness, tone, noise, JPEG blocks. Drawn once a clip.
struct Finish {
  float soft = 0.3f;      // weight of a 3 x 3 blur
  double defocus_px = 0;  // sigma of a wide blur, 0 for none
  float gain = 1, contrast = 1, saturation = 1, warmth = 0, vignette = 0;
  float noise = 3;       // standard deviation in 8-bit steps
  int jpeg_quality = 0;  // 0 for none
};

// The sigma of a frame that a camera takes while it hunts for focus, for one frame in three; 0 for the others.
double draw_focus_loss(int width, int height, Random random);

Finish draw_finish(int width, int height, bool blur, Random random);

// `pixels` [height * width * 3], 0 to 255 in display values, becomes a picture; `noise_seed` differs between frames.
video::Image finish_picture(std::vector<float>& pixels, int width, int height, const Finish& finish, std::uint64_t noise_seed);

}  // namespace vepe::synth
