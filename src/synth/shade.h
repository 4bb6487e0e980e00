#pragma once

#include "synth/material.h"
#include "synth/raster.h"

namespace vepe::synth {

// The light of a scene: one distant lamp and a sky over a ground.
struct Lighting {
  Vec3 towards_lamp{0.4, 0.8, 0.4};  // unit length
  Color lamp{0.9f, 0.88f, 0.82f}, sky{0.42f, 0.45f, 0.5f}, ground{0.2f, 0.18f, 0.16f};
  float shadow = 0.4f;  // how much darker the ground is in a shadow
};

// The light that leaves a surface towards the viewer, linear.
Color shade(const Material& material, const Lighting& light, const SurfacePoint& point);

}  // namespace vepe::synth
