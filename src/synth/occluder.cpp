#include "synth/occluder.h"

#include <iterator>
#include <numbers>

#include "synth/noise.h"

namespace vepe::synth {
namespace {

constexpr Mat3 kUpright{};

Material plain(Surface surface, Color color, Random& random) {
  Material m;
  m.surface = surface;
  m.base = color;
  m.second = color * 1.6f;
  m.folds = 0;
  m.seed = static_cast<std::uint32_t>(random.next());
  return m;
}

void add_pole(Mesh& mesh, double x, double z, double low, double high, double radius, std::uint16_t material) {
  const auto ring = [&](double t, double r) {
    const double y = lerp(low, high, t);
    return Ring{{x, y, z}, {r, 0, 0}, {0, 0, r}, y};
  };
  const Ring rings[] = {ring(0, radius * 1.1), ring(0.1, radius), ring(0.6, radius), ring(1, radius * 0.9)};
  add_tube(mesh, rings, 12, material);
}

// A clump of leaves: ellipsoids with a rough outline.
void add_foliage(Mesh& mesh, Vec3 centre, Vec3 radii, int clumps, std::uint16_t material, Random& random) {
  for (int i = 0; i < clumps; ++i) {
    const Vec3 at = centre + Vec3{radii.x * random.uniform(-0.7, 0.7), radii.y * random.uniform(-0.6, 0.7),
                                  radii.z * random.uniform(-0.7, 0.7)};
    const double size = random.uniform(0.35, 0.6);
    const auto seed = static_cast<std::uint32_t>(random.next());
    constexpr int kColumns = 20, kRows = 12;
    add_grid(mesh, kColumns, kRows, true, at, material, [&](int c, int r) {
      const double lon = 2 * std::numbers::pi * (c % kColumns) / kColumns,
                   lat = std::numbers::pi * (static_cast<double>(r) / kRows - 0.5);
      const double bulge = size * (0.75 + 0.5 * hash_unit(c % kColumns, r, seed));
      MeshVertex vertex;
      vertex.position = at + Vec3{radii.x * bulge * std::cos(lat) * std::sin(lon), radii.y * bulge * std::sin(lat),
                                  radii.z * bulge * std::cos(lat) * std::cos(lon)};
      vertex.u = static_cast<float>(static_cast<double>(c) / kColumns);
      vertex.v = static_cast<float>(lat);
      return vertex;
    });
  }
}

struct SidePoint {
  double x, y;
};

// A convex outline in the x-y plane, extruded to both sides of z.
void add_prism(Mesh& mesh, Vec3 origin, std::span<const SidePoint> outline, double half_depth, double inset, std::uint16_t side,
               std::uint16_t shell) {
  const int count = static_cast<int>(outline.size());
  Vec3 middle;
  for (const auto& p : outline) middle = middle + Vec3{p.x, p.y, 0} * (1.0 / count);
  const auto corner = [&](int i, double z) {
    return origin + Vec3{outline[static_cast<std::size_t>(i % count)].x, outline[static_cast<std::size_t>(i % count)].y, z};
  };
  for (int i = 0; i < count; ++i) {
    add_grid(mesh, 1, 1, false, origin + middle, shell, [&](int c, int r) {
      MeshVertex vertex;
      vertex.position = corner(i + c, r ? half_depth - inset : inset - half_depth);
      vertex.u = static_cast<float>(c), vertex.v = static_cast<float>(r);
      return vertex;
    });
    for (const double sign : {-1.0, 1.0}) {
      const std::size_t first = mesh.vertices.size();
      add_grid(mesh, 1, 1, false, origin + middle, side, [&](int c, int r) {
        MeshVertex vertex;
        vertex.position = r ? origin + middle + Vec3{0, 0, sign * half_depth} : corner(i + c, sign * (half_depth - inset));
        vertex.u = static_cast<float>(vertex.position.x - origin.x), vertex.v = static_cast<float>(vertex.position.y);
        return vertex;
      });
      // Flat: one normal for the whole fan.
      for (std::size_t k = first; k < mesh.vertices.size(); ++k) mesh.vertices[k].normal = {0, 0.25, sign};
    }
  }
}

Prop draw_car(double x, double z, Random& random) {
  Prop prop;
  const int paints[] = {0xb8bcc0, 0x1a1b1e, 0xe9eaea, 0x7c1f24, 0x24406b, 0x50565c, 0x2e4a3a};
  prop.materials = {plain(Surface::kPaint, from_srgb(paints[random.integer(0, 6)]), random),
                    plain(Surface::kPaint, from_srgb(0x1c2126), random), plain(Surface::kPaint, from_srgb(0x141414), random),
                    plain(Surface::kPaint, from_srgb(0x9a9da0), random)};
  prop.materials[0].gloss = 0.45f;
  prop.materials[1].gloss = 0.6f;
  const double k = random.uniform(0.92, 1.1), mirror = random.chance(0.5) ? 1 : -1;
  const auto outline = [&](std::initializer_list<SidePoint> points) {
    std::vector<SidePoint> out;
    for (const auto& p : points) out.push_back({p.x * mirror * k, p.y * k});
    return out;
  };
  const Vec3 at{x, 0, z + 0.9 * k};
  add_prism(prop.mesh, at,
            outline({{-2.1, .30}, {-2.15, .62}, {-1.95, .82}, {-0.9, .92}, {1.6, .93}, {2.05, .86}, {2.12, .55}, {2.0, .28}}),
            0.86 * k, 0.06, 0, 0);
  add_prism(prop.mesh, at, outline({{-1.0, .90}, {-0.25, 1.38}, {1.05, 1.42}, {1.75, .91}}), 0.76 * k, 0.12, 1, 0);
  const double centres[] = {-1.32, 1.28};
  for (const double wheel : centres) {
    for (const double sign : {-1.0, 1.0}) {
      const double r = 0.32 * k;
      const Vec3 hub = at + Vec3{wheel * mirror * k, r, sign * 0.80 * k};
      const Ring tyre[] = {{hub - Vec3{0, 0, 0.1}, {r, 0, 0}, {0, r, 0}, 0}, {hub + Vec3{0, 0, 0.1}, {r, 0, 0}, {0, r, 0}, 0.2}};
      add_tube(prop.mesh, tyre, 18, 2);
      add_ellipsoid(prop.mesh, hub + Vec3{0, 0, sign * 0.17}, kUpright, {r * 0.6, r * 0.6, 0.05}, 12, 3);
    }
  }
  if (random.chance(0.5)) prop.velocity = {-mirror * random.uniform(1.0, 6.0), 0, 0};
  return prop;
}

Prop draw_sign(double x, double z, Random& random) {
  Prop prop;
  const int colours[] = {0xc8232c, 0x1f4fa0, 0xf2f2ee, 0xe0b52a, 0x1d6b43};
  prop.materials = {plain(Surface::kPaint, from_srgb(0x8e9296), random),
                    plain(Surface::kSign, from_srgb(colours[random.integer(0, 4)]), random)};
  const double half_x = random.uniform(0.25, 0.55), half_y = random.uniform(0.25, 0.5), y = random.uniform(1.1, 2.1);
  prop.materials[1].second = random.chance(0.5) ? from_srgb(0xf4f4f0) : from_srgb(0x202020);
  prop.materials[1].around = static_cast<float>(1 / half_x);
  prop.materials[1].along = static_cast<float>(1 / half_y);
  add_pole(prop.mesh, x, z - 0.05, 0, y + half_y, 0.04, 0);
  add_box(prop.mesh, {x, y, z}, rotation_y(random.uniform(-0.3, 0.3)), {half_x, half_y, 0.02}, 1);
  return prop;
}

Prop draw_tree(double x, double z, Random& random) {
  Prop prop;
  prop.materials = {plain(Surface::kStone, from_srgb(0x6a5540), random), plain(Surface::kFoliage, from_srgb(0x33501f), random)};
  prop.materials[0].around = 6, prop.materials[0].along = 9;
  prop.materials[1].second = from_srgb(0x7f9a45);
  prop.materials[1].around = 24, prop.materials[1].along = 9;
  add_pole(prop.mesh, x, z, 0, 3.2, random.uniform(0.10, 0.22), 0);
  add_foliage(prop.mesh, {x, 3.4, z}, {1.3, 0.9, 1.0}, 9, 1, random);
  return prop;
}

Prop draw_bush(double x, double z, Random& random) {
  Prop prop;
  prop.materials = {
      plain(Surface::kFoliage, mix(from_srgb(0x2c4a1e), from_srgb(0x4a5a2a), static_cast<float>(random.uniform())), random)};
  prop.materials[0].second = mix(from_srgb(0x6e8f3e), from_srgb(0x9a9a55), static_cast<float>(random.uniform()));
  prop.materials[0].around = 26, prop.materials[0].along = 10;
  const double height = random.uniform(0.4, 0.8), width = random.uniform(0.6, 1.6);
  add_foliage(prop.mesh, {x, height * 0.6, z}, {width, height, 0.5}, 12, 0, random);
  return prop;
}

Prop draw_table(double x, double z, Random& random) {
  Prop prop;
  const int colours[] = {0x7a5a3a, 0x4a3524, 0xe8e6e0, 0x9a9c9e, 0xb58a5a};
  prop.materials = {plain(Surface::kWood, from_srgb(colours[random.integer(0, 4)]), random)};
  const double half_x = random.uniform(0.4, 1.1), half_z = random.uniform(0.25, 0.4), y = random.uniform(0.55, 1.05);
  add_box(prop.mesh, {x, y, z}, kUpright, {half_x, 0.025, half_z}, 0);
  if (random.chance(0.4)) {
    add_box(prop.mesh, {x, y / 2, z + half_z * 0.8}, kUpright, {half_x * 0.97, y / 2, 0.02}, 0);  // a counter's front
  } else {
    for (const double sx : {-1.0, 1.0}) {
      for (const double sz : {-1.0, 1.0})
        add_box(prop.mesh, {x + sx * half_x * 0.92, y / 2, z + sz * half_z * 0.9}, kUpright, {0.025, y / 2, 0.025}, 0);
    }
  }
  return prop;
}

Prop draw_railing(double x, double z, Random& random) {
  Prop prop;
  const int colours[] = {0x3a3d40, 0x8a8d90, 0x6b4a30, 0xd8d8d4};
  prop.materials = {plain(Surface::kPaint, from_srgb(colours[random.integer(0, 3)]), random)};
  const double half = random.uniform(0.8, 2.0), top = random.uniform(0.6, 1.1), gap = random.uniform(0.12, 0.5);
  add_box(prop.mesh, {x, top, z}, kUpright, {half, 0.03, 0.03}, 0);
  add_box(prop.mesh, {x, 0.15, z}, kUpright, {half, 0.02, 0.02}, 0);
  for (double at = -half; at <= half; at += gap) add_box(prop.mesh, {x + at, top / 2, z}, kUpright, {0.015, top / 2, 0.015}, 0);
  return prop;
}

Prop draw_pole(double x, double z, Random& random) {
  Prop prop;
  const int colours[] = {0x54585c, 0x2c2e30, 0xb9b6ae, 0x6a4a34, 0x3c5a48};
  const bool pillar = random.chance(0.3);
  prop.materials = {plain(pillar ? Surface::kStone : Surface::kPaint, from_srgb(colours[random.integer(0, 4)]), random)};
  add_pole(prop.mesh, x, z, 0, random.uniform(2.5, 5.0), pillar ? random.uniform(0.15, 0.3) : random.uniform(0.04, 0.10), 0);
  return prop;
}

}  // namespace

Prop draw_occluder(double x, double z, Random random) {
  switch (random.integer(0, 9)) {
    case 0:
      return draw_tree(x, z, random);
    case 1:
      return draw_sign(x, z, random);
    case 2:
    case 3:
      return draw_bush(x, z, random);
    case 4:
      return draw_car(x, z, random);
    case 5:
    case 6:
      return draw_table(x, z, random);
    case 7:
      return draw_railing(x, z, random);
    default:
      return draw_pole(x, z, random);
  }
}

Prop draw_seat(const Skeleton& sitting, double yaw, const BodyShape& shape, Random random) {
  Prop prop;
  const int colours[] = {0x7a5a3a, 0x3a2a1e, 0x30343a, 0xc8c4bc, 0x8a2f2f, 0x2f4f7a, 0x9a9c9e};
  prop.materials = {plain(random.chance(0.5) ? Surface::kWood : Surface::kPaint, from_srgb(colours[random.integer(0, 6)]), random)};
  const Mat3 frame = rotation_y(yaw);
  const double k = shape.stature / 1.75, height = std::max(0.1, sitting.pelvis.y - 0.115 * k);
  const bool bench = random.chance(0.35);
  const double half_x = bench ? random.uniform(0.6, 0.9) : 0.23, half_z = 0.22;
  const Vec3 centre = Vec3{sitting.pelvis.x, height - 0.03, sitting.pelvis.z} + frame.z * (0.08 * k);
  add_box(prop.mesh, centre, frame, {half_x, 0.03, half_z}, 0);
  for (const double sx : {-1.0, 1.0}) {
    for (const double sz : {-1.0, 1.0}) {
      const Vec3 leg = centre + frame.x * (sx * half_x * 0.9) + frame.z * (sz * half_z * 0.9);
      add_box(prop.mesh, {leg.x, (height - 0.03) / 2, leg.z}, frame, {0.022, (height - 0.03) / 2, 0.022}, 0);
    }
  }
  if (random.chance(0.6)) add_box(prop.mesh, centre + Vec3{0, 0.38, 0} - frame.z * (half_z + 0.06), frame, {half_x, 0.14, 0.02}, 0);
  return prop;
}

}  // namespace vepe::synth
