#include "synth/shade.h"

#include <numbers>

#include "synth/head_mesh.h"
#include "synth/noise.h"

namespace vepe::synth {
namespace {

float fraction(float x) { return x - std::floor(x); }
float step_between(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

Color cloth_color(const Material& m, float u, float v) {
  const float a = u * m.around, b = v * m.along;
  switch (m.pattern) {
    case Pattern::kPlain:
      return m.base;
    case Pattern::kStripes:
      return fraction(a) < 0.5f ? m.base : m.second;
    case Pattern::kHoops:
      return fraction(b * 0.5f) < 0.5f ? m.base : m.second;
    case Pattern::kChecks:
      return mix(m.base, m.second,
                 0.35f * static_cast<float>(fraction(a) < 0.4f) + 0.35f * static_cast<float>(fraction(b * 0.7f) < 0.4f));
    case Pattern::kDots: {
      const float x = fraction(a) - 0.5f, y = fraction(b) - 0.5f;
      return x * x + y * y < 0.07f ? m.second : m.base;
    }
    case Pattern::kBlotches:
      return mix(m.base, m.second, step_between(0.42f, 0.58f, fractal_noise(a * 0.7f, b * 0.5f, 2, m.seed)));
    case Pattern::kGradient:
      return mix(m.base, m.second, std::clamp(v * 1.8f, 0.0f, 1.0f));
    case Pattern::kPrint: {
      // A figure on the chest: the front is at a quarter turn.
      const float x = (u - 0.25f) * 8, y = (v - 0.40f) * 9;
      if (x * x + y * y > 1.0f) return m.base;
      return value_noise(x * 3 + 31, y * 3 + 7, m.seed) > 0.45f ? m.second : m.base;
    }
    case Pattern::kDenim:
      return m.base * (0.80f + 0.45f * fractal_noise(u * 9, v * 6, 2, m.seed));
    case Pattern::kTexture: {
      // Mirrored repeats have no seams. Once around the part is two pieces.
      const int size = m.texture->size, x = static_cast<int>(std::abs(u * 2 - 0.5f) * static_cast<float>(size)),
                y = static_cast<int>(std::abs(v * 2.2f + 1.7f) * static_cast<float>(size));
      const auto mirrored = [&](int i) { return i / size % 2 ? size - 1 - i % size : i % size; };
      return m.texture
          ->texels[static_cast<std::size_t>(mirrored(y)) * static_cast<std::size_t>(size) + static_cast<std::size_t>(mirrored(x))];
    }
    case Pattern::kKnit:
      return m.base * (0.75f + 0.4f * fraction(a * 3));
  }
  return m.base;
}

float ellipse(float x, float y, float rx, float ry) { return std::sqrt((x / rx) * (x / rx) + (y / ry) * (y / ry)); }

Color face_color(const Material& m, float u, float lat) {
  const FaceLook& face = m.face;
  const float lon = (u - 0.5f) * 2 * std::numbers::pi_v<float>;
  const float edge = hair_edge(lon, face.hairline) + 0.10f * (value_noise(lon * 7, lat * 3, m.seed) - 0.5f);
  if (lat > edge + 0.05f) return face.hair * (0.75f + 0.5f * value_noise(lon * 14, lat * 3, m.seed + 5));
  const float side = std::abs(lon);
  Color color = m.base * (0.94f + 0.12f * value_noise(lon * 5, lat * 5, m.seed));
  color =
      mix(color, color * Color{1.12f, 0.86f, 0.84f}, 0.6f * (1 - std::min(1.0f, ellipse(side - 0.62f, lat + 0.25f, 0.35f, 0.28f))));
  if (side < 1.35f) {
    if (face.beard_amount > 0) {
      const float jaw = step_between(-0.32f, -0.50f, lat) * step_between(1.35f, 1.1f, side);
      const float lips = ellipse(lon, lat + 0.50f, 0.24f, 0.07f);
      if (lips > 1) color = mix(color, face.beard, jaw * face.beard_amount * 0.85f);
    }
    const float eye = ellipse(side - 0.36f, lat - 0.10f, 0.155f, 0.068f);
    const float socket = ellipse(side - 0.36f, lat - 0.12f, 0.26f, 0.16f);
    if (socket < 1) color = color * (0.80f + 0.20f * socket);
    if (eye < 1) color = ellipse(side - 0.36f, lat - 0.10f, 0.066f, 0.066f) < 1 ? face.eye : Color{0.62f, 0.60f, 0.58f};
    if (ellipse(side - 0.37f, lat - 0.27f - 0.05f * (0.4f - side), 0.22f, 0.042f) < 1) color = mix(color, face.beard, 0.75f);
    if (ellipse(lon, lat + 0.50f, 0.23f, 0.062f) < 1) color = mix(color, face.lips, 0.8f);
    if (std::abs(lat + 0.50f) < 0.014f && side < 0.22f) color = color * 0.45f;
    if (ellipse(side - 0.085f, lat + 0.30f, 0.055f, 0.035f) < 1) color = color * 0.62f;  // nostrils
    if (ellipse(side - 0.13f, lat + 0.12f, 0.07f, 0.22f) < 1) color = color * 0.90f;     // the nose's flanks
    if (face.sunglasses && ellipse(side - 0.36f, lat - 0.09f, 0.25f, 0.16f) < 1) color = {0.012f, 0.012f, 0.014f};
    if (face.glasses && !face.sunglasses) {
      const float rim = ellipse(side - 0.36f, lat - 0.09f, 0.25f, 0.17f);
      if (rim > 0.86f && rim < 1.08f) color = {0.02f, 0.02f, 0.02f};
      if (side < 0.12f && std::abs(lat - 0.12f) < 0.022f) color = {0.02f, 0.02f, 0.02f};
    }
  }
  return mix(color, face.hair, step_between(edge - 0.06f, edge + 0.05f, lat));
}

Color surface_color(const Material& m, float u, float v) {
  switch (m.surface) {
    case Surface::kCloth:
      return cloth_color(m, u, v);
    case Surface::kSkin:
      return m.base * (0.94f + 0.12f * value_noise(u * 6, v * 14, m.seed));
    case Surface::kFace:
      return face_color(m, u, v);
    case Surface::kHair:
      return m.base * (0.6f + 0.8f * value_noise(u * 34, v * 9, m.seed));
    case Surface::kLeather:
      return m.base * (0.88f + 0.24f * value_noise(u * 11, v * 25, m.seed));
    case Surface::kPaint:
      return m.base * (0.95f + 0.1f * value_noise(u * 3, v * 3, m.seed));
    case Surface::kFoliage: {
      const float leaf = value_noise(u * m.around, v * m.along, m.seed),
                  patch = value_noise(u * m.around * 0.3f, v * m.along * 0.3f, m.seed + 9);
      return mix(m.base, m.second, leaf) * (0.25f + 0.9f * leaf * leaf + 0.5f * patch);
    }
    case Surface::kStone:
      return m.base * (0.6f + 0.8f * fractal_noise(u * m.around, v * m.along, 3, m.seed));
    case Surface::kWood:
      return m.base * (0.7f + 0.6f * value_noise(u * 30, v * 3, m.seed));
    case Surface::kSign: {
      const float edge = std::max(std::abs(u) * m.around, std::abs(v) * m.along);
      if (edge > 0.85f) return m.second;
      return value_noise(u * 14, v * 9, m.seed) > 0.62f ? m.second : m.base;
    }
  }
  return m.base;
}

}  // namespace

Color shade(const Material& m, const Lighting& light, const SurfacePoint& p) {
  const float size = std::sqrt(p.nx * p.nx + p.ny * p.ny + p.nz * p.nz) + 1e-9f;
  float nx = p.nx / size, ny = p.ny / size, nz = p.nz / size;
  float occlusion = 1.0f;
  if (m.folds > 0 && m.surface != Surface::kFace) {
    // Creases run across the part: they tilt the normal and darken the valleys.
    const float a = fractal_noise(p.u * 4, p.v * 8 + p.u * 5, 2, m.seed + 3),
                b = fractal_noise(p.u * 4 + 0.1f, p.v * 8 + 0.3f + p.u * 5, 2, m.seed + 3);
    const float tilt = (a - b) * m.folds * 2.2f;
    ny += tilt;
    nx += 0.5f * tilt;
    const float again = 1.0f / std::sqrt(nx * nx + ny * ny + nz * nz + 1e-9f);
    nx *= again;
    ny *= again;
    nz *= again;
    occlusion = 1.0f - m.folds * 0.7f * std::max(0.0f, 0.5f - a);
  }
  const float facing = nx * static_cast<float>(light.towards_lamp.x) + ny * static_cast<float>(light.towards_lamp.y) +
                       nz * static_cast<float>(light.towards_lamp.z);
  const bool soft = m.surface == Surface::kSkin || m.surface == Surface::kFace || m.surface == Surface::kHair;
  const float wrap = soft ? 0.30f : 0.12f;
  const float direct = std::max(0.0f, (facing + wrap) / (1 + wrap));
  const Color ambient = mix(light.ground, light.sky, 0.5f + 0.5f * ny);
  // Surfaces seen at a glancing angle lie near the next part: a cheap stand-in for ambient occlusion.
  const float rim = 0.72f + 0.28f * std::min(1.0f, std::max(0.0f, nz) * 1.6f);
  Color out = surface_color(m, p.u, p.v) * (ambient * rim + light.lamp * direct) * occlusion;
  if (m.gloss > 0) {
    const float hx = static_cast<float>(light.towards_lamp.x), hy = static_cast<float>(light.towards_lamp.y),
                hz = static_cast<float>(light.towards_lamp.z) + 1;
    const float h = std::max(0.0f, (nx * hx + ny * hy + nz * hz) / (std::sqrt(hx * hx + hy * hy + hz * hz) + 1e-6f));
    const float h4 = h * h * h * h, h16 = h4 * h4 * h4 * h4;
    out = out + light.lamp * (m.gloss * h16);
  }
  return out;
}

}  // namespace vepe::synth
