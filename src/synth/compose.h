#pragma once

#include <vector>

#include "synth/background.h"
#include "synth/shade.h"

namespace vepe::synth {

// Lays the background, seen through `view`, into `pixels` [height * width * 3], display values 0 to 255.
void lay_background(std::vector<float>& pixels, const Background& background, const Camera& camera, const View& view);

struct ShadowCaster {
  const Mesh* mesh;
  Vec3 offset;
  Vec3 foot;           // centre of the contact patch on the ground
  double foot_radius;  // metres, 0 for none
};
// How much darker the ground is, 0 to 1: soft shadows of all casters along the lamp's light, and the dark patch under
// feet. At half the picture's resolution, rounded up.
std::vector<float> ground_shadow(const std::vector<ShadowCaster>& casters, const Camera& camera, const View& view,
                                 const Lighting& light);
void apply_shadow(std::vector<float>& pixels, const std::vector<float>& half_size_mask, int width, int height);

// Draws the shaded scene over `pixels`, covering each pixel as far as its samples are hit.
void blend_surfaces(std::vector<float>& pixels, const DrawList& list, const DepthBuffer& depth,
                    const std::vector<Material>& materials, const Lighting& light, float focal_px);

}  // namespace vepe::synth
