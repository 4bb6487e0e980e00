#include "synth/head_mesh.h"

#include <numbers>

namespace vepe::synth {
namespace {

constexpr double kPi = std::numbers::pi;

double hair_thickness(Hair hair) {
  switch (hair) {
    case Hair::kBald:
      return 0.0;
    case Hair::kShort:
      return 0.07;
    case Hair::kFull:
      return 0.17;
    case Hair::kLong:
    case Hair::kPonytail:
    case Hair::kBun:
      return 0.11;
    case Hair::kAfro:
      return 0.48;
    case Hair::kCap:
      return 0.10;
    case Hair::kBeanie:
      return 0.16;
    case Hair::kHood:
      return 0.24;
  }
  return 0.0;
}

// A point of the skull in units of half its height: narrow jaw, flat back of the neck, nose, thick hair.
Vec3 skull_point(double lon, double lat, double thickness, double front_edge) {
  const Vec3 d{std::cos(lat) * std::sin(lon), std::sin(lat), std::cos(lat) * std::cos(lon)};
  const double down = std::max(0.0, -d.y);
  Vec3 p{d.x * 0.68 * (1 - 0.25 * down * down), d.y, d.z * 0.85};
  if (d.z < 0)
    p.z *= 1 - 0.45 * smooth_step(0.1, 0.9, down);
  else
    p.z *= 1 + 0.10 * down;
  const double front = std::max(0.0, std::cos(lon));
  p.z += 0.17 * std::exp(-lon * lon / 0.020) * std::exp(-(lat + 0.17) * (lat + 0.17) / 0.022) * front;  // nose
  p.z += 0.05 * std::exp(-lon * lon / 0.10) * std::exp(-(lat + 0.85) * (lat + 0.85) / 0.04) * front;    // chin
  p.z -=
      0.05 * std::exp(-std::pow(std::abs(lon) - 0.38, 2) / 0.03) * std::exp(-(lat - 0.10) * (lat - 0.10) / 0.012) * front;  // eyes
  const double edge = hair_edge(static_cast<float>(lon), static_cast<float>(front_edge));
  const double cover = smooth_step(edge - 0.02, edge + 0.30, lat);
  return p * (1 + thickness * cover);
}

void add_hair(Mesh& mesh, const Look& look, const Skeleton& s, int segments) {
  const double half = look.shape.head_half();
  const Mat3& f = s.head_frame;
  const auto on_head = [&](double x, double y, double z) { return s.head + f * Vec3{x * half, y * half, z * half}; };
  if (look.hair == Hair::kLong) {
    // Falls behind the ears onto the back, half with the head and half with the chest.
    const Vec3 low = s.neck - s.chest_frame.y * (0.06 * look.shape.stature) - s.chest_frame.z * (0.50 * half);
    const auto ring = [&](Vec3 centre, double w, double d, double v) {
      return Ring{centre, f.x * (w * half), f.z * (d * half), v};
    };
    const Ring rings[] = {ring(on_head(0, 0.45, -0.30), 0.72, 0.62, 0), ring(on_head(0, -0.1, -0.42), 0.80, 0.52, 0.08),
                          ring(on_head(0, -0.8, -0.50), 0.78, 0.42, 0.16),
                          ring(lerp(on_head(0, -1.2, -0.5), low, 0.6), 0.70, 0.32, 0.25), ring(low, 0.50, 0.2, 0.34)};
    add_tube(mesh, rings, segments, kMatHair);
  } else if (look.hair == Hair::kPonytail) {
    const Vec3 a = on_head(0, 0.45, -0.95), b = on_head(0, 0.2, -1.35), c = on_head(0, -0.7, -1.35), d = on_head(0, -1.35, -1.15);
    const auto ring = [&](Vec3 centre, double r, double v) { return Ring{centre, f.x * (r * half), f.z * (r * half), v}; };
    const Ring rings[] = {ring(a, 0.16, 0), ring(b, 0.25, 0.06), ring(c, 0.22, 0.16), ring(d, 0.07, 0.24)};
    add_tube(mesh, rings, 8, kMatHair);
  } else if (look.hair == Hair::kBun) {
    add_ellipsoid(mesh, on_head(0, 0.75, -0.75), f, {0.36 * half, 0.34 * half, 0.34 * half}, 8, kMatHair);
  } else if (look.hair == Hair::kCap) {
    const Ring brim[] = {{on_head(0, 0.46, 0.70), f.x * (0.60 * half), f.y * (0.05 * half), 0},
                         {on_head(0, 0.40, 1.15), f.x * (0.56 * half), f.y * (0.04 * half), 0.05},
                         {on_head(0, 0.33, 1.38), f.x * (0.36 * half), f.y * (0.03 * half), 0.08}};
    add_tube(mesh, brim, 10, kMatHair);
  } else if (look.hair == Hair::kHood) {
    const Ring hood[] = {
        {on_head(0, -0.75, -0.35), f.x * (0.72 * half), f.z * (0.55 * half), 0},
        {s.neck - s.chest_frame.z * (0.2 * half), s.chest_frame.x * (0.95 * half), s.chest_frame.z * (0.6 * half), 0.1}};
    add_tube(mesh, hood, segments, kMatHair);
  }
}

}  // namespace

float hair_edge(float longitude, float front_edge) {
  const auto across = static_cast<float>(smooth_step(0.55, 1.35, std::abs(longitude)));
  const auto back = static_cast<float>(smooth_step(1.45, 2.2, std::abs(longitude)));
  const float side = front_edge > 1.0f ? 0.35f : -0.12f;
  return front_edge + (side - front_edge) * across + (-0.75f - side) * back;
}

void add_head(Mesh& mesh, const Look& look, const Skeleton& s, int segments) {
  const double half = look.shape.head_half(), thickness = hair_thickness(look.hair), edge = look.materials[kMatFace].face.hairline;
  const int columns = segments * 2, rows = segments + segments / 2;
  add_grid(mesh, columns, rows, true, s.head, kMatFace, [&](int c, int r) {
    const double lon = kPi * (2.0 * c / columns - 1), lat = kPi * (static_cast<double>(r) / rows - 0.5);
    MeshVertex vertex;
    vertex.position = s.head + s.head_frame * (skull_point(lon, lat, thickness, edge) * half);
    vertex.u = static_cast<float>(static_cast<double>(c) / columns);
    vertex.v = static_cast<float>(lat);
    return vertex;
  });
  if (look.hair != Hair::kHood && look.hair != Hair::kAfro) {
    for (int side = 0; side < 2; ++side) {
      add_ellipsoid(mesh, s.ear[side], s.head_frame, {0.07 * half, 0.22 * half, 0.13 * half}, 6, kMatSkin);
    }
  }
  add_hair(mesh, look, s, segments);
}

std::vector<Vec3> head_outline(const Look& look, const Skeleton& s) {
  std::vector<Vec3> points;
  const double half = look.shape.head_half();
  for (int r = 0; r <= 6; ++r) {
    for (int c = 0; c < 12; ++c) {
      const double lon = kPi * (2.0 * c / 12 - 1), lat = kPi * (r / 6.0 - 0.5);
      points.push_back(s.head + s.head_frame * (skull_point(lon, lat, 0.05, 0.6) * half));
    }
  }
  return points;
}

}  // namespace vepe::synth
