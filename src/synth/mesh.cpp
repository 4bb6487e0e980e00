#include "synth/mesh.h"

#include <numbers>

namespace vepe::synth {
namespace {

constexpr double kTau = 2 * std::numbers::pi;

MeshVertex ring_vertex(const Ring& ring, int c, int segments) {
  const double angle = kTau * c / segments;
  MeshVertex vertex;
  vertex.position = ring.centre + ring.axis_u * std::cos(angle) + ring.axis_v * std::sin(angle);
  vertex.u = static_cast<float>(static_cast<double>(c) / segments);
  vertex.v = static_cast<float>(ring.v);
  return vertex;
}

// A smaller ring outside an end ring, so that the end is round.
Ring end_ring(const Ring& end, const Ring& neighbour, double out, double shrink) {
  const Vec3 direction = normalized(end.centre - neighbour.centre);
  const double radius = std::min(length(end.axis_u), length(end.axis_v));
  const double sign = end.v >= neighbour.v ? 1.0 : -1.0;
  return {end.centre + direction * (radius * out), end.axis_u * shrink, end.axis_v * shrink, end.v + sign * radius * out};
}

}  // namespace

void finish_grid(Mesh& mesh, std::size_t first, int columns, int rows, bool closed, std::span<const Vec3> inside,
                 std::uint16_t material) {
  const auto at = [&](int c, int r) {
    return first + static_cast<std::size_t>(r) * static_cast<std::size_t>(columns + 1) + static_cast<std::size_t>(c);
  };
  const auto position = [&](int c, int r) { return mesh.vertices[at(c, r)].position; };
  for (int r = 0; r <= rows; ++r) {
    for (int c = 0; c <= columns; ++c) {
      const int left = c > 0 ? c - 1 : (closed ? columns - 1 : c);
      const int right = c < columns ? c + 1 : (closed ? 1 : c);
      Vec3 normal =
          cross(position(right, r) - position(left, r), position(c, std::min(r + 1, rows)) - position(c, std::max(r - 1, 0)));
      const Vec3 outward = position(c, r) - inside[static_cast<std::size_t>(r)];
      if (dot(normal, normal) < 1e-18) normal = outward;
      if (dot(normal, outward) < 0) normal = -normal;
      mesh.vertices[at(c, r)].normal = normalized(normal);
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      const auto a = at(c, r), b = at(c + 1, r), d = at(c, r + 1), e = at(c + 1, r + 1);
      const auto add = [&](std::size_t i, std::size_t j, std::size_t k) {
        const Vec3 p = mesh.vertices[i].position;
        const Vec3 face = cross(mesh.vertices[j].position - p, mesh.vertices[k].position - p);
        const double facing = dot(face, mesh.vertices[i].normal + mesh.vertices[j].normal + mesh.vertices[k].normal);
        if (dot(face, face) < 1e-20) return;
        if (facing < 0) std::swap(j, k);
        mesh.triangles.push_back(
            {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(k), material});
      };
      add(a, b, e);
      add(a, e, d);
    }
  }
}

void add_tube(Mesh& mesh, std::span<const Ring> rings, int segments, std::uint16_t material) {
  if (rings.size() < 2) return;
  std::vector<Ring> all;
  const Ring &head = rings.front(), &tail = rings.back();
  all.push_back(end_ring(head, rings[1], 0.55, 0.02));
  all.push_back(end_ring(head, rings[1], 0.38, 0.68));
  all.insert(all.end(), rings.begin(), rings.end());
  all.push_back(end_ring(tail, rings[rings.size() - 2], 0.38, 0.68));
  all.push_back(end_ring(tail, rings[rings.size() - 2], 0.55, 0.02));
  const std::size_t first = mesh.vertices.size();
  std::vector<Vec3> insides;
  for (std::size_t r = 0; r < all.size(); ++r) {
    for (int c = 0; c <= segments; ++c) mesh.vertices.push_back(ring_vertex(all[r], c, segments));
    // An end cap's normals point along the tube: its inside lies within the tube.
    const bool cap = r < 2 || r + 2 >= all.size();
    insides.push_back(cap ? (r < 2 ? head.centre : tail.centre) : all[r].centre);
  }
  finish_grid(mesh, first, segments, static_cast<int>(all.size()) - 1, true, insides, material);
}

void add_ellipsoid(Mesh& mesh, Vec3 centre, const Mat3& frame, Vec3 radii, int segments, std::uint16_t material) {
  const int rows = std::max(4, segments / 2);
  add_grid(mesh, segments, rows, true, centre, material, [&](int c, int r) {
    const double lon = kTau * c / segments, lat = kTau * (static_cast<double>(r) / rows - 0.5) / 2;
    MeshVertex vertex;
    vertex.position = centre + frame * Vec3{radii.x * std::cos(lat) * std::sin(lon), radii.y * std::sin(lat),
                                            radii.z * std::cos(lat) * std::cos(lon)};
    vertex.u = static_cast<float>(static_cast<double>(c) / segments);
    vertex.v = static_cast<float>(lat * radii.y);
    return vertex;
  });
}

void add_box(Mesh& mesh, Vec3 centre, const Mat3& frame, Vec3 half, std::uint16_t material) {
  const Vec3 axes[3] = {frame.x * half.x, frame.y * half.y, frame.z * half.z};
  const double sizes[3] = {half.x, half.y, half.z};
  for (int axis = 0; axis < 3; ++axis) {
    for (const double sign : {-1.0, 1.0}) {
      const Vec3 out = axes[axis] * sign, p = axes[(axis + 1) % 3], q = axes[(axis + 2) % 3];
      const double pu = sizes[(axis + 1) % 3], pv = sizes[(axis + 2) % 3];
      add_grid(mesh, 1, 1, false, centre, material, [&](int c, int r) {
        MeshVertex vertex;
        vertex.position = centre + out + p * (2.0 * c - 1) + q * (2.0 * r - 1);
        vertex.u = static_cast<float>(pu * (2.0 * c - 1));
        vertex.v = static_cast<float>(pv * (2.0 * r - 1));
        return vertex;
      });
    }
  }
}

}  // namespace vepe::synth
