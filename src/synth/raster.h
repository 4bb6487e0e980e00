#pragma once

#include <cstdint>
#include <vector>

#include "synth/camera.h"
#include "synth/mesh.h"

namespace vepe::synth {

inline constexpr std::uint16_t kNoPerson = 0xffff;

// What the rasteriser draws: meshes projected into pixels of the picture.
struct ScreenVertex {
  float x = 0, y = 0, inverse_depth = 0;  // inverse_depth 0: behind the camera
  float nx = 0, ny = 0, nz = 0, u = 0, v = 0;
};
struct ScreenTriangle {
  std::uint32_t a = 0, b = 0, c = 0;
  std::uint16_t material = 0;  // index into the scene's table
  std::uint16_t person = kNoPerson;
};
struct DrawList {
  std::vector<ScreenVertex> vertices;
  std::vector<ScreenTriangle> triangles;

  void clear() { vertices.clear(), triangles.clear(); }
  // Projects `mesh` moved by `offset`; materials start at `first_material`. Faces turned away are left out.
  void add(const Mesh& mesh, Vec3 offset, const Camera& camera, const View& view, std::uint16_t first_material,
           std::uint16_t person);
};

// A depth buffer of `scale` x `scale` samples a pixel that knows the nearest triangle at every sample.
class DepthBuffer {
 public:
  // Samples lie at the centres of a grid, moved by (shift_x, shift_y) pixels.
  void draw(const DrawList& list, int width, int height, int scale, float shift_x = 0, float shift_y = 0);

  int width() const { return width_; }  // in samples
  int height() const { return height_; }
  int scale() const { return scale_; }
  // Index of the nearest triangle plus 1; 0 where there is none.
  std::uint32_t triangle(int x, int y) const { return triangle_[index(x, y)]; }
  float inverse_depth(int x, int y) const { return inverse_depth_[index(x, y)]; }
  // The place of a sample in pixels.
  float sample_x(int x) const { return (static_cast<float>(x) + 0.5f) / static_cast<float>(scale_) + shift_x_; }
  float sample_y(int y) const { return (static_cast<float>(y) + 0.5f) / static_cast<float>(scale_) + shift_y_; }

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x);
  }
  void draw_triangle(const DrawList& list, std::uint32_t number);

  int width_ = 0, height_ = 0, scale_ = 1;
  float shift_x_ = 0, shift_y_ = 0;
  std::vector<float> inverse_depth_;
  std::vector<std::uint32_t> triangle_;
};

// Attributes of a triangle at a point of the picture, by its screen-space barycentric weights.
struct SurfacePoint {
  float nx, ny, nz, u, v;
};
SurfacePoint interpolate(const DrawList& list, const ScreenTriangle& triangle, float x, float y);

}  // namespace vepe::synth
