#include "synth/material.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace vepe::synth {
namespace {

template <std::size_t N>
Color pick(Random& random, const int (&palette)[N]) {
  return from_srgb(palette[random.integer(0, N - 1)]);
}

Color vary(Color c, Random& random, double amount) {
  const auto factor = [&] { return static_cast<float>(std::exp(amount * random.normal())); };
  const float all = factor();
  const float part = 0.4f;
  return {c.r * all * (1 + part * (factor() - 1)), c.g * all, c.b * all * (1 + part * (factor() - 1))};
}

constexpr int kSubdued[] = {0x1b1c20, 0x26272b, 0x2d3540, 0x1f2a44, 0x3a3f47, 0x5b6068, 0x8b8f94, 0xc9c9c6, 0xeeeeea, 0xf4f3ee,
                            0xd9cdb8, 0xa68f6b, 0x6b5a45, 0x4a3b2f, 0x50603f, 0x7d8a94, 0x6e2b33, 0x34506b, 0x9db4c7, 0xdfd6d0};
constexpr int kVivid[] = {0xb3202a, 0xd8443a, 0xe3872d, 0xe9c33b, 0x3d8f4f, 0x1f7a6d,
                          0x2f6fb5, 0x2347a0, 0x6a3f94, 0xc9548f, 0xe8a9bd, 0x58b5c9};
constexpr int kTrousers[] = {0x2a3a57, 0x35486b, 0x4d6486, 0x7288a6, 0x1d2230, 0x191a1d, 0x2b2c30,
                             0x50525a, 0x857d70, 0xb9aa8c, 0x6d6048, 0x4a4f3c, 0xd8d5cc};
constexpr int kSkin[] = {0xf3d3bd, 0xecc3a6, 0xe3b08d, 0xd49c78, 0xc08562, 0xa56d4b, 0x875438, 0x69402b, 0x523124};
constexpr int kHair[] = {0x14110f, 0x1d1713, 0x2c2019, 0x3f2b1e, 0x5a3d28, 0x7a5735,
                         0xa98352, 0xd0b07a, 0x8a4a2a, 0x8f8d8a, 0xc8c6c2};

}  // namespace

Color from_srgb(int rgb) {
  const auto channel = [&](int shift) {
    const float value = static_cast<float>((rgb >> shift) & 255) / 255.0f;
    return value * value;
  };
  return {channel(16), channel(8), channel(0)};
}

Color from_hsv(double hue, double saturation, double value) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue * 6, 6.0);
    const double c = value - value * saturation * std::max(0.0, std::min({k, 4 - k, 1.0}));
    return static_cast<float>(c * c);
  };
  return {channel(5), channel(3), channel(1)};
}

Material draw_cloth(Random& random, double vivid) {
  Material cloth;
  cloth.base = vary(random.chance(vivid) ? pick(random, kVivid) : pick(random, kSubdued), random, 0.18);
  cloth.second = vary(random.chance(0.5) ? pick(random, kSubdued) : pick(random, kVivid), random, 0.15);
  const double kind = random.uniform();
  cloth.pattern = kind < 0.42   ? Pattern::kPlain
                  : kind < 0.50 ? Pattern::kStripes
                  : kind < 0.59 ? Pattern::kHoops
                  : kind < 0.67 ? Pattern::kChecks
                  : kind < 0.71 ? Pattern::kDots
                  : kind < 0.78 ? Pattern::kBlotches
                  : kind < 0.83 ? Pattern::kGradient
                  : kind < 0.94 ? Pattern::kPrint
                                : Pattern::kKnit;
  cloth.around = static_cast<float>(random.integer(6, 18));
  cloth.along = static_cast<float>(random.uniform(9, 30));
  cloth.folds = static_cast<float>(random.uniform(0.3, 0.9));
  cloth.seed = static_cast<std::uint32_t>(random.next());
  return cloth;
}

Material draw_trousers(Random& random) {
  Material cloth;
  cloth.base = vary(pick(random, kTrousers), random, 0.2);
  cloth.second = cloth.base * 1.5f;
  cloth.pattern = random.chance(0.5) ? Pattern::kDenim : Pattern::kPlain;
  if (random.chance(0.08)) cloth.pattern = Pattern::kChecks;
  cloth.around = static_cast<float>(random.integer(5, 9));
  cloth.along = static_cast<float>(random.uniform(12, 24));
  cloth.folds = static_cast<float>(random.uniform(0.3, 0.9));
  cloth.seed = static_cast<std::uint32_t>(random.next());
  return cloth;
}

Color draw_skin(Random& random) {
  const double tone = std::pow(random.uniform(), 1.3) * (std::size(kSkin) - 1.001);
  const auto i = static_cast<std::size_t>(tone);
  return vary(mix(from_srgb(kSkin[i]), from_srgb(kSkin[i + 1]), static_cast<float>(tone - static_cast<double>(i))), random, 0.07);
}

Color draw_hair(Random& random) { return vary(pick(random, kHair), random, 0.12); }

}  // namespace vepe::synth
