#include "synth/raster.h"

namespace vepe::synth {

void DrawList::add(const Mesh& mesh, Vec3 offset, const Camera& camera, const View& view, std::uint16_t first_material,
                   std::uint16_t person) {
  const auto first = static_cast<std::uint32_t>(vertices.size());
  vertices.reserve(vertices.size() + mesh.vertices.size());
  for (const MeshVertex& vertex : mesh.vertices) {
    ScreenVertex out;
    if (const auto p = camera.project(vertex.position + offset, view)) {
      out.x = static_cast<float>(p->x);
      out.y = static_cast<float>(p->y);
      out.inverse_depth = static_cast<float>(1.0 / p->depth);
    }
    out.nx = static_cast<float>(vertex.normal.x);
    out.ny = static_cast<float>(vertex.normal.y);
    out.nz = static_cast<float>(vertex.normal.z);
    out.u = vertex.u;
    out.v = vertex.v;
    vertices.push_back(out);
  }
  triangles.reserve(triangles.size() + mesh.triangles.size());
  for (const MeshTriangle& t : mesh.triangles) {
    const ScreenVertex &a = vertices[first + t.a], &b = vertices[first + t.b], &c = vertices[first + t.c];
    if (a.inverse_depth == 0 || b.inverse_depth == 0 || c.inverse_depth == 0) continue;
    // The picture's y points down, so what faces the camera turns clockwise there.
    const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area >= 0) continue;
    triangles.push_back({first + t.a, first + t.c, first + t.b, static_cast<std::uint16_t>(first_material + t.material), person});
  }
}

void DepthBuffer::draw(const DrawList& list, int width, int height, int scale, float shift_x, float shift_y) {
  width_ = width * scale;
  height_ = height * scale;
  scale_ = scale;
  shift_x_ = shift_x;
  shift_y_ = shift_y;
  const std::size_t count = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  inverse_depth_.assign(count, 0.0f);
  triangle_.assign(count, 0u);
  for (std::uint32_t i = 0; i < list.triangles.size(); ++i) draw_triangle(list, i);
}

void DepthBuffer::draw_triangle(const DrawList& list, std::uint32_t number) {
  const ScreenTriangle& t = list.triangles[number];
  const auto scale = static_cast<float>(scale_);
  struct Point {
    float x, y, w;
  };
  const auto sample_space = [&](const ScreenVertex& v) {
    return Point{(v.x - shift_x_) * scale - 0.5f, (v.y - shift_y_) * scale - 0.5f, v.inverse_depth};
  };
  const Point a = sample_space(list.vertices[t.a]), b = sample_space(list.vertices[t.b]), c = sample_space(list.vertices[t.c]);
  const float low_x = std::min({a.x, b.x, c.x}), high_x = std::max({a.x, b.x, c.x});
  const float low_y = std::min({a.y, b.y, c.y}), high_y = std::max({a.y, b.y, c.y});
  if (high_x < 0 || high_y < 0 || low_x > static_cast<float>(width_ - 1) || low_y > static_cast<float>(height_ - 1)) return;
  const int x0 = std::max(0, static_cast<int>(std::ceil(low_x))),
            x1 = static_cast<int>(std::floor(std::min(high_x, static_cast<float>(width_ - 1))));
  const int y0 = std::max(0, static_cast<int>(std::ceil(low_y))),
            y1 = static_cast<int>(std::floor(std::min(high_y, static_cast<float>(height_ - 1))));
  if (x0 > x1 || y0 > y1) return;
  const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  if (!(area > 1e-6f)) return;
  // Edge functions, positive inside; their slopes along x and the plane of 1 / depth.
  const float inverse_area = 1.0f / area;
  const float ab_x = -(b.y - a.y), bc_x = -(c.y - b.y), ca_x = -(a.y - c.y);
  const float w_x = (bc_x * a.w + ca_x * b.w + ab_x * c.w) * inverse_area;
  for (int y = y0; y <= y1; ++y) {
    const auto fy = static_cast<float>(y), fx = static_cast<float>(x0);
    float ab = (b.x - a.x) * (fy - a.y) + ab_x * (fx - a.x);
    float bc = (c.x - b.x) * (fy - b.y) + bc_x * (fx - b.x);
    float ca = (a.x - c.x) * (fy - c.y) + ca_x * (fx - c.x);
    float w = (bc * a.w + ca * b.w + ab * c.w) * inverse_area;
    std::size_t at = index(x0, y);
    for (int x = x0; x <= x1; ++x, ++at) {
      if (ab >= 0 && bc >= 0 && ca >= 0 && w > inverse_depth_[at]) {
        inverse_depth_[at] = w;
        triangle_[at] = number + 1;
      }
      ab += ab_x;
      bc += bc_x;
      ca += ca_x;
      w += w_x;
    }
  }
}

SurfacePoint interpolate(const DrawList& list, const ScreenTriangle& t, float x, float y) {
  const ScreenVertex &a = list.vertices[t.a], &b = list.vertices[t.b], &c = list.vertices[t.c];
  const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  const float inverse = area != 0 ? 1.0f / area : 0.0f;
  float wb = ((c.y - a.y) * (x - a.x) - (c.x - a.x) * (y - a.y)) * inverse;
  float wc = ((b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x)) * inverse;
  wb = std::clamp(wb, 0.0f, 1.0f);
  wc = std::clamp(wc, 0.0f, 1.0f - wb);
  const float wa = 1 - wb - wc;
  return {wa * a.nx + wb * b.nx + wc * c.nx, wa * a.ny + wb * b.ny + wc * c.ny, wa * a.nz + wb * b.nz + wc * c.nz,
          wa * a.u + wb * b.u + wc * c.u, wa * a.v + wb * b.v + wc * c.v};
}

}  // namespace vepe::synth
