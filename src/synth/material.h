#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/random.h"

namespace vepe::synth {

// Linear light, 0 to 1 and above.
struct Color {
  float r = 0, g = 0, b = 0;
};
inline Color operator*(Color c, float s) { return {c.r * s, c.g * s, c.b * s}; }
inline Color operator*(Color a, Color b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
inline Color operator+(Color a, Color b) { return {a.r + b.r, a.g + b.g, a.b + b.b}; }
inline Color mix(Color a, Color b, float t) { return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t}; }
inline float luminance(Color c) { return 0.25f * c.r + 0.60f * c.g + 0.15f * c.b; }

Color from_srgb(int rgb);                                     // 0xRRGGBB; a square stands for the transfer curve
Color from_hsv(double hue, double saturation, double value);  // hue in [0, 1)

enum class Pattern { kPlain, kStripes, kHoops, kChecks, kDots, kBlotches, kGradient, kPrint, kDenim, kKnit, kTexture };

// What a surface is made of: decides how u, v become a colour.
enum class Surface { kCloth, kSkin, kFace, kHair, kLeather, kPaint, kFoliage, kStone, kWood, kSign };

// Hair is drawn on the skull above its line; caps take its place.
struct FaceLook {
  Color hair, eye, lips, beard;
  float hairline = 0.62f;  // latitude of the hair's front edge, radians
  float beard_amount = 0;  // 0 to 1
  bool glasses = false, sunglasses = false;
};

// A square of linear colours, mirrored at its borders when it repeats.
struct Texture {
  int size = 0;
  std::vector<Color> texels;  // [size * size]
};

struct Material {
  Surface surface = Surface::kCloth;
  Pattern pattern = Pattern::kPlain;
  Color base, second;
  float around = 10, along = 12;  // pattern cells around the part, and a metre along it
  float folds = 0.2f;             // depth of creases
  float gloss = 0;
  std::uint32_t seed = 0;
  std::shared_ptr<const Texture> texture;  // of Pattern::kTexture
  FaceLook face;                           // of Surface::kFace
};

// A cloth with colours and a pattern as people wear them; `vivid` raises the share of strong colours.
Material draw_cloth(Random& random, double vivid);
Material draw_trousers(Random& random);
Color draw_skin(Random& random);
Color draw_hair(Random& random);

}  // namespace vepe::synth
