#pragma once

#include <vector>

#include "core/random.h"
#include "synth/material.h"
#include "synth/mesh.h"
#include "synth/skeleton.h"

namespace vepe::synth {

// A thing in the scene: something that hides people, or what they sit on.
struct Prop {
  Mesh mesh;  // in the world, at time 0
  std::vector<Material> materials;
  Vec3 velocity;  // metres a second (a car that drives past)
};

// A pole, tree, sign, bush, car, table or railing that stands at (x, z) on the ground.
Prop draw_occluder(double x, double z, Random random);

// A seat under a sitting person: chair, stool or bench.
Prop draw_seat(const Skeleton& sitting, double yaw, const BodyShape& shape, Random random);

}  // namespace vepe::synth
