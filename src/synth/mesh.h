#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "synth/vec.h"

namespace vepe::synth {

// A triangle mesh in world coordinates with smooth normals. `u` runs around a part in [0, 1], `v` along it in metres;
// patterns are drawn in these.
struct MeshVertex {
  Vec3 position, normal;
  float u = 0, v = 0;
};
struct MeshTriangle {
  std::uint32_t a = 0, b = 0, c = 0;  // counter-clockwise seen from outside
  std::uint16_t material = 0;
};
struct Mesh {
  std::vector<MeshVertex> vertices;
  std::vector<MeshTriangle> triangles;
};

// One cross-section of a tube: centre and two half axes (radius included).
struct Ring {
  Vec3 centre, axis_u, axis_v;
  double v = 0;
};

// Lofts elliptical rings into a closed tube with rounded ends. `segments` points a ring.
void add_tube(Mesh& mesh, std::span<const Ring> rings, int segments, std::uint16_t material);

// An ellipsoid with the half axes `frame` * `radii`, as a grid of `segments` x `segments / 2`.
void add_ellipsoid(Mesh& mesh, Vec3 centre, const Mat3& frame, Vec3 radii, int segments, std::uint16_t material);

// A box with flat sides; `u`, `v` in metres on each side.
void add_box(Mesh& mesh, Vec3 centre, const Mat3& frame, Vec3 half, std::uint16_t material);

// A grid of points, `columns` + 1 by `rows` + 1, with normals away from `inside`. Position and u, v come from
// `point(column, row)`; the first and the last column are the same line when `closed`.
template <typename PointFunction>
void add_grid(Mesh& mesh, int columns, int rows, bool closed, Vec3 inside, std::uint16_t material, PointFunction point);

// Smooth normals for the grid whose vertices start at `first`, pointing away from the given insides per row.
void finish_grid(Mesh& mesh, std::size_t first, int columns, int rows, bool closed, std::span<const Vec3> inside,
                 std::uint16_t material);

template <typename PointFunction>
void add_grid(Mesh& mesh, int columns, int rows, bool closed, Vec3 inside, std::uint16_t material, PointFunction point) {
  const std::size_t first = mesh.vertices.size();
  for (int r = 0; r <= rows; ++r) {
    for (int c = 0; c <= columns; ++c) mesh.vertices.push_back(point(c, r));
  }
  const std::vector<Vec3> insides(static_cast<std::size_t>(rows) + 1, inside);
  finish_grid(mesh, first, columns, rows, closed, insides, material);
}

}  // namespace vepe::synth
