#pragma once

#include <vector>

#include "core/random.h"
#include "synth/material.h"
#include "synth/mesh.h"
#include "synth/skeleton.h"

namespace vepe::synth {

enum class Sleeve { kNone, kShort, kLong };
enum class Legwear { kTrousers, kShorts, kSkirt, kLongSkirt };
enum class Hair { kBald, kShort, kFull, kLong, kPonytail, kBun, kAfro, kCap, kBeanie, kHood };
enum class Bag { kNone, kBackpack, kShoulder, kHand };

// The slots of a person's material table.
enum PersonMaterial : std::uint16_t {
  kMatTop,
  kMatBottom,
  kMatSkin,
  kMatFace,
  kMatHair,
  kMatShoe,
  kMatCoat,
  kMatBag,
  kMatSole,
  kMatSocks,
  kPersonMaterials
};

// What one person looks like; constant over a clip.
struct Look {
  BodyShape shape;
  Sleeve sleeve = Sleeve::kShort;
  Legwear legwear = Legwear::kTrousers;
  Hair hair = Hair::kShort;
  Bag bag = Bag::kNone;
  bool coat = false;  // an open-bottomed coat down to the thighs
  bool bust = false;
  double shirt_hem = 0.06;          // metres below the hip line
  double looseness = 1.0;           // of clothes
  double flare = 1.0;               // of trouser legs
  std::vector<Material> materials;  // [kPersonMaterials]
};

Look draw_look(Random random);

// The skin of a posed person as triangles; `segments` is the number of points around a limb (6 to 16). The first joint
// of every tube lies on the skeleton, so that labelled joints are inside the silhouette.
void add_person(Mesh& mesh, const Look& look, const Skeleton& skeleton, int segments);

// The skull's outline alone, for head boxes: a few points in the world.
std::vector<Vec3> head_outline(const Look& look, const Skeleton& skeleton);

}  // namespace vepe::synth
