#include "synth/person.h"

namespace vepe::synth {
namespace {

BodyShape draw_shape(Random& random, bool child, bool female) {
  BodyShape shape;
  shape.stature = child ? random.uniform(1.02, 1.45) : std::clamp((female ? 1.65 : 1.77) + 0.07 * random.normal(), 1.48, 2.0);
  shape.girth = std::clamp(1.0 + 0.14 * random.normal() + (random.chance(0.15) ? 0.2 : 0.0), 0.8, 1.38);
  shape.leg_scale = std::clamp(1.0 + 0.03 * random.normal() - (child ? 0.05 : 0.0), 0.9, 1.08);
  shape.shoulder_scale = std::clamp((female ? 0.93 : 1.05) + 0.04 * random.normal(), 0.82, 1.18);
  shape.hip_scale = std::clamp((female ? 1.06 : 0.98) + 0.05 * random.normal(), 0.88, 1.2);
  shape.head_scale = child ? lerp(1.42, 1.12, (shape.stature - 1.02) / 0.43) : 1.0 + 0.03 * random.normal();
  return shape;
}

Hair draw_hair_style(Random& random, bool female) {
  const double kind = random.uniform();
  if (female)
    return kind < 0.40   ? Hair::kLong
           : kind < 0.60 ? Hair::kPonytail
           : kind < 0.70 ? Hair::kBun
           : kind < 0.82 ? Hair::kFull
           : kind < 0.88 ? Hair::kAfro
           : kind < 0.94 ? Hair::kBeanie
                         : Hair::kCap;
  return kind < 0.50   ? Hair::kShort
         : kind < 0.64 ? Hair::kFull
         : kind < 0.73 ? Hair::kBald
         : kind < 0.85 ? Hair::kCap
         : kind < 0.91 ? Hair::kBeanie
         : kind < 0.95 ? Hair::kAfro
                       : Hair::kHood;
}

void draw_materials(Look& look, Random& random, bool female, bool child) {
  auto& m = look.materials;
  m.resize(kPersonMaterials);
  m[kMatTop] = draw_cloth(random, child ? 0.6 : 0.35);
  m[kMatBottom] = look.legwear == Legwear::kTrousers || random.chance(0.4) ? draw_trousers(random) : draw_cloth(random, 0.25);
  if (look.legwear == Legwear::kLongSkirt || (look.legwear == Legwear::kSkirt && random.chance(0.5)))
    m[kMatBottom] = m[kMatTop];  // a dress
  Material& skin = m[kMatSkin];
  skin.surface = Surface::kSkin;
  skin.base = draw_skin(random);
  skin.gloss = 0.06f;
  skin.folds = 0.06f;
  skin.seed = static_cast<std::uint32_t>(random.next());
  Material& hair = m[kMatHair];
  hair.surface = Surface::kHair;
  hair.base = draw_hair(random);
  hair.gloss = 0.10f;
  hair.seed = skin.seed + 1;
  Material& face = m[kMatFace];
  face = skin;
  face.surface = Surface::kFace;
  face.face.hair = hair.base;
  face.face.beard = hair.base;
  const int eyes[] = {0x2a1a12, 0x3a2617, 0x4f6a80, 0x56683f};
  face.face.eye = from_srgb(eyes[random.integer(0, 3)]);
  face.face.lips = mix(skin.base, from_srgb(female ? 0xb03a44 : 0x9c4f4a), 0.55f);
  face.face.beard_amount = female || child || random.chance(0.6) ? 0.0f : static_cast<float>(random.uniform(0.25, 1.0));
  face.face.sunglasses = random.chance(0.08);
  face.face.glasses = random.chance(0.15);
  face.face.hairline = static_cast<float>(random.uniform(0.52, 0.78));
  if (look.hair == Hair::kBald) face.face.hairline = 1.25f;
  if (look.hair == Hair::kCap || look.hair == Hair::kBeanie || look.hair == Hair::kHood) {
    hair.surface = Surface::kCloth;
    hair.pattern = random.chance(0.7) ? Pattern::kPlain : Pattern::kKnit;
    hair.base = look.hair == Hair::kHood ? m[kMatTop].base : draw_cloth(random, 0.5).base;
    face.face.hair = hair.base;
    face.face.hairline = look.hair == Hair::kCap ? 0.48f : 0.42f;
  }
  Material& shoe = m[kMatShoe];
  shoe = draw_cloth(random, 0.2);
  shoe.surface = Surface::kLeather;
  shoe.pattern = Pattern::kPlain;
  shoe.gloss = static_cast<float>(random.uniform(0.0, 0.2));
  m[kMatSole] = shoe;
  m[kMatSole].base = random.chance(0.5) ? from_srgb(0xe6e4df) : from_srgb(0x2a2826);
  m[kMatCoat] = draw_cloth(random, 0.15);
  m[kMatBag] = draw_cloth(random, 0.3);
  m[kMatBag].surface = Surface::kLeather;
  m[kMatSocks] = random.chance(0.5) ? m[kMatSkin] : draw_cloth(random, 0.2);
}

}  // namespace

Look draw_look(Random random) {
  Look look;
  const bool female = random.chance(0.48), child = random.chance(0.14);
  look.shape = draw_shape(random, child, female);
  look.bust = female && !child;
  const double sleeve = random.uniform();
  look.sleeve = sleeve < 0.12 ? Sleeve::kNone : sleeve < 0.55 ? Sleeve::kShort : Sleeve::kLong;
  const double legs = random.uniform();
  look.legwear = legs < 0.66              ? Legwear::kTrousers
                 : legs < 0.82 || !female ? Legwear::kShorts
                 : legs < 0.93            ? Legwear::kSkirt
                                          : Legwear::kLongSkirt;
  if (!female && legs > 0.9) look.legwear = Legwear::kTrousers;
  look.coat = look.sleeve == Sleeve::kLong && random.chance(0.30);
  look.hair = draw_hair_style(random, female);
  const double bag = random.uniform();
  look.bag = bag < 0.72 ? Bag::kNone : bag < 0.85 ? Bag::kBackpack : bag < 0.93 ? Bag::kShoulder : Bag::kHand;
  look.shirt_hem = random.uniform(-0.02, 0.10);
  look.looseness = random.uniform(0.6, 1.7);
  look.flare = random.uniform(0.8, 1.7);
  draw_materials(look, random, female, child);
  return look;
}

}  // namespace vepe::synth
