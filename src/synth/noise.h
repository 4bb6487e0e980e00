#pragma once

#include <cmath>
#include <cstdint>

namespace vepe::synth {

// 32 well-mixed bits of a lattice point.
inline std::uint32_t hash_lattice(std::int32_t x, std::int32_t y, std::uint32_t seed) {
  std::uint32_t h = static_cast<std::uint32_t>(x) * 0x8da6b343u ^ static_cast<std::uint32_t>(y) * 0xd8163841u ^ seed * 0xcb1ab31fu;
  h ^= h >> 15;
  h *= 0x2c1b3c6du;
  h ^= h >> 12;
  h *= 0x297a2d39u;
  return h ^ (h >> 15);
}

inline float hash_unit(std::int32_t x, std::int32_t y, std::uint32_t seed) {
  return static_cast<float>(hash_lattice(x, y, seed) >> 8) * 0x1.0p-24f;
}

// Value noise in [0, 1], period one lattice cell.
inline float value_noise(float x, float y, std::uint32_t seed) {
  const float fx = std::floor(x), fy = std::floor(y);
  const auto ix = static_cast<std::int32_t>(fx), iy = static_cast<std::int32_t>(fy);
  float tx = x - fx, ty = y - fy;
  tx = tx * tx * (3 - 2 * tx);
  ty = ty * ty * (3 - 2 * ty);
  const float a = hash_unit(ix, iy, seed), b = hash_unit(ix + 1, iy, seed);
  const float c = hash_unit(ix, iy + 1, seed), d = hash_unit(ix + 1, iy + 1, seed);
  return (a + (b - a) * tx) * (1 - ty) + (c + (d - c) * tx) * ty;
}

// Several octaves, in [0, 1].
inline float fractal_noise(float x, float y, int octaves, std::uint32_t seed) {
  float sum = 0, weight = 1, total = 0;
  for (int i = 0; i < octaves; ++i) {
    sum += weight * value_noise(x, y, seed + static_cast<std::uint32_t>(i) * 101u);
    total += weight;
    weight *= 0.5f;
    x = x * 2.03f + 17.1f;
    y = y * 2.03f + 9.7f;
  }
  return sum / total;
}

}  // namespace vepe::synth
