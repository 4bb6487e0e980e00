#pragma once

#include "synth/person.h"

namespace vepe::synth {

// Skull with face and short hair (one grid; material kMatFace draws both), ears, and hair or hats that stand out.
// On the skull u is the longitude in [0, 1] with the face at 0.5, v the latitude in radians.
void add_head(Mesh& mesh, const Look& look, const Skeleton& skeleton, int segments);

// The latitude in radians above which the skull is covered by hair, at a longitude (0 = face, +-pi = back).
// Shared by the geometry, which thickens there, and by the shading.
float hair_edge(float longitude, float front_edge);

}  // namespace vepe::synth
