#include "synth/compose.h"

namespace vepe::synth {
namespace {

float display_value(float linear) { return 255.0f * std::sqrt(std::clamp(linear, 0.0f, 1.0f)); }

void box_blur(std::vector<float>& mask, int width, int height, int radius) {
  std::vector<float> line(static_cast<std::size_t>(std::max(width, height)));
  const auto pass = [&](std::size_t start, std::size_t step, int count) {
    for (int i = 0; i < count; ++i) line[static_cast<std::size_t>(i)] = mask[start + static_cast<std::size_t>(i) * step];
    float sum = 0;
    const float scale = 1.0f / static_cast<float>(2 * radius + 1);
    for (int i = -radius; i <= radius; ++i) sum += line[static_cast<std::size_t>(std::clamp(i, 0, count - 1))];
    for (int i = 0; i < count; ++i) {
      mask[start + static_cast<std::size_t>(i) * step] = sum * scale;
      sum += line[static_cast<std::size_t>(std::min(i + radius + 1, count - 1))] -
             line[static_cast<std::size_t>(std::max(i - radius, 0))];
    }
  };
  for (int y = 0; y < height; ++y) pass(static_cast<std::size_t>(y) * static_cast<std::size_t>(width), 1, width);
  for (int x = 0; x < width; ++x) pass(static_cast<std::size_t>(x), static_cast<std::size_t>(width), height);
}

struct MaskPoint {
  float x, y;
  bool valid;
};

void fill_triangle(std::vector<float>& mask, int width, int height, MaskPoint a, MaskPoint b, MaskPoint c) {
  if (!a.valid || !b.valid || !c.valid) return;
  float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
  if (area < 0) std::swap(b, c), area = -area;
  if (!(area > 1e-6f)) return;
  const int x0 = std::max(0, static_cast<int>(std::ceil(std::max(-1e6f, std::min({a.x, b.x, c.x}))))),
            x1 = static_cast<int>(std::floor(std::min(std::max({a.x, b.x, c.x}), static_cast<float>(width - 1))));
  const int y0 = std::max(0, static_cast<int>(std::ceil(std::max(-1e6f, std::min({a.y, b.y, c.y}))))),
            y1 = static_cast<int>(std::floor(std::min(std::max({a.y, b.y, c.y}), static_cast<float>(height - 1))));
  for (int y = y0; y <= y1; ++y) {
    for (int x = x0; x <= x1; ++x) {
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      if ((b.x - a.x) * (fy - a.y) - (b.y - a.y) * (fx - a.x) < 0) continue;
      if ((c.x - b.x) * (fy - b.y) - (c.y - b.y) * (fx - b.x) < 0) continue;
      if ((a.x - c.x) * (fy - c.y) - (a.y - c.y) * (fx - c.x) < 0) continue;
      mask[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] = 1;
    }
  }
}

// A dark, soft ellipse where a body stands.
void add_contact(std::vector<float>& mask, int width, int height, const Camera& camera, const View& view,
                 const ShadowCaster& caster) {
  const auto centre = camera.project(caster.foot, view);
  const auto side = camera.project(caster.foot + Vec3{caster.foot_radius, 0, 0}, view),
             front = camera.project(caster.foot + Vec3{0, 0, caster.foot_radius}, view);
  if (!centre || !side || !front) return;
  const double rx = std::abs(side->x - centre->x) / 2 + 1, ry = std::abs(front->y - centre->y) / 2 + 1;
  const double cx = centre->x / 2, cy = centre->y / 2;
  if (cx < -4 * rx || cx > width + 4 * rx || cy < -4 * ry || cy > height + 4 * ry) return;
  for (int y = std::max(0, static_cast<int>(cy - 2 * ry)); y < std::min<double>(height, cy + 2 * ry); ++y) {
    for (int x = std::max(0, static_cast<int>(cx - 2 * rx)); x < std::min<double>(width, cx + 2 * rx); ++x) {
      const double dx = (x + 0.5 - cx) / rx, dy = (y + 0.5 - cy) / ry, d = dx * dx + dy * dy;
      if (d > 4) continue;
      float& value = mask[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
      value = 1 - (1 - value) * (1 - static_cast<float>(0.55 * (1 - d / 4) * (1 - d / 4)));
    }
  }
}

}  // namespace

void lay_background(std::vector<float>& pixels, const Background& background, const Camera& camera, const View& view) {
  const video::Image& picture = background.picture;
  double x0, y0, x1, y1, x2, y2;
  camera.still_from_moved(view, 0.5, 0.5, x0, y0);
  camera.still_from_moved(view, 1.5, 0.5, x1, y1);
  camera.still_from_moved(view, 0.5, 1.5, x2, y2);
  float* out = pixels.data();
  const auto limit_x = static_cast<float>(picture.width) - 1.001f, limit_y = static_cast<float>(picture.height) - 1.001f;
  for (int y = 0; y < camera.height; ++y) {
    const auto start_x = static_cast<float>(x0 + (x2 - x0) * y + background.margin_x - 0.5),
               start_y = static_cast<float>(y0 + (y2 - y0) * y + background.margin_y - 0.5);
    for (int x = 0; x < camera.width; ++x, out += 3) {
      const float fx = std::clamp(start_x + static_cast<float>(x1 - x0) * static_cast<float>(x), 0.0f, limit_x);
      const float fy = std::clamp(start_y + static_cast<float>(y1 - y0) * static_cast<float>(x), 0.0f, limit_y);
      const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
      const float tx = fx - static_cast<float>(ix), ty = fy - static_cast<float>(iy);
      const std::uint8_t *upper = picture.row(iy) + ix * 3, *lower = picture.row(iy + 1) + ix * 3;
      for (int c = 0; c < 3; ++c) {
        const float top = upper[c] + (upper[c + 3] - upper[c]) * tx, bottom = lower[c] + (lower[c + 3] - lower[c]) * tx;
        out[c] = top + (bottom - top) * ty;
      }
    }
  }
}

std::vector<float> ground_shadow(const std::vector<ShadowCaster>& casters, const Camera& camera, const View& view,
                                 const Lighting& light) {
  const int width = (camera.width + 1) / 2, height = (camera.height + 1) / 2;
  std::vector<float> mask(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0.0f);
  std::vector<MaskPoint> points;
  for (const ShadowCaster& caster : casters) {
    points.clear();
    for (const MeshVertex& vertex : caster.mesh->vertices) {
      const Vec3 p = vertex.position + caster.offset;
      const Vec3 fallen = p - light.towards_lamp * (std::max(0.0, p.y) / light.towards_lamp.y);
      const auto at = camera.project({fallen.x, 0, fallen.z}, view);
      points.push_back(at ? MaskPoint{static_cast<float>(at->x / 2 - 0.5), static_cast<float>(at->y / 2 - 0.5), true}
                          : MaskPoint{0, 0, false});
    }
    for (const MeshTriangle& t : caster.mesh->triangles) fill_triangle(mask, width, height, points[t.a], points[t.b], points[t.c]);
  }
  const int radius = std::max(1, camera.height / 140);
  box_blur(mask, width, height, radius);
  box_blur(mask, width, height, radius);
  for (float& value : mask) value *= light.shadow;
  for (const ShadowCaster& caster : casters) {
    if (caster.foot_radius > 0) add_contact(mask, width, height, camera, view, caster);
  }
  return mask;
}

void apply_shadow(std::vector<float>& pixels, const std::vector<float>& mask, int width, int height) {
  const int half_width = (width + 1) / 2;
  for (int y = 0; y < height; ++y) {
    const float* row = mask.data() + static_cast<std::size_t>(y / 2) * static_cast<std::size_t>(half_width);
    float* out = pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
    for (int x = 0; x < width; ++x, out += 3) {
      const float keep = 1 - row[x / 2];
      out[0] *= keep, out[1] *= keep, out[2] *= keep;
    }
  }
}

namespace {

// How much of the light from around reaches a surface point, 0.5 to 1: less where something lies close in front of it
// within a hand's breadth, most of all above it.
float open_sky(const DepthBuffer& depth, int x, int y, float focal_samples) {
  constexpr float kTaps[8][3] = {{0, -1, 1.5f}, {.7f, -.7f, 1.2f}, {-.7f, -.7f, 1.2f}, {1, 0, 1.f},
                                 {-1, 0, 1.f},  {.45f, .45f, .7f}, {-.45f, .45f, .7f}, {0, -.4f, 1.f}};
  const float here = 1.0f / depth.inverse_depth(x, y);
  const float radius = std::clamp(0.13f * focal_samples / here, 2.0f, 60.0f);
  float hidden = 0;
  for (const auto& tap : kTaps) {
    const int tx = x + static_cast<int>(tap[0] * radius), ty = y + static_cast<int>(tap[1] * radius);
    if (tx < 0 || ty < 0 || tx >= depth.width() || ty >= depth.height()) continue;
    const float inverse = depth.inverse_depth(tx, ty);
    if (inverse == 0) continue;
    const float nearer = here - 1.0f / inverse;
    if (nearer > 0.025f && nearer < 0.6f) hidden += tap[2] * std::min(1.0f, (nearer - 0.025f) * 14) * (1 - nearer / 0.6f);
  }
  return std::max(0.5f, 1 - 0.085f * hidden);
}

}  // namespace

void blend_surfaces(std::vector<float>& pixels, const DrawList& list, const DepthBuffer& depth,
                    const std::vector<Material>& materials, const Lighting& light, float focal_px) {
  const int scale = depth.scale(), width = depth.width() / scale, height = depth.height() / scale;
  const float share = 1.0f / static_cast<float>(scale * scale);
  for (int y = 0; y < height; ++y) {
    float* out = pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
    for (int x = 0; x < width; ++x, out += 3) {
      // Samples of one part are shaded once, at the first of them.
      std::uint16_t part[4];
      std::uint32_t first[4];
      int first_x[4], first_y[4], hits[4], parts = 0, total = 0;
      for (int s = 0; s < scale * scale; ++s) {
        const int sx = x * scale + s % scale, sy = y * scale + s / scale;
        const std::uint32_t triangle = depth.triangle(sx, sy);
        if (triangle == 0) continue;
        ++total;
        const std::uint16_t material = list.triangles[triangle - 1].material;
        int k = 0;
        while (k < parts && part[k] != material) ++k;
        if (k == parts) part[k] = material, first[k] = triangle - 1, first_x[k] = sx, first_y[k] = sy, hits[k] = 0, ++parts;
        ++hits[k];
      }
      if (total == 0) continue;
      const float keep = 1 - share * static_cast<float>(total);
      float sum[3] = {out[0] * keep, out[1] * keep, out[2] * keep};
      for (int k = 0; k < parts; ++k) {
        const SurfacePoint point =
            interpolate(list, list.triangles[first[k]], depth.sample_x(first_x[k]), depth.sample_y(first_y[k]));
        const Color color =
            shade(materials[part[k]], light, point) * open_sky(depth, first_x[k], first_y[k], focal_px * static_cast<float>(scale));
        const float weight = share * static_cast<float>(hits[k]);
        sum[0] += weight * display_value(color.r), sum[1] += weight * display_value(color.g),
            sum[2] += weight * display_value(color.b);
      }
      out[0] = sum[0], out[1] = sum[1], out[2] = sum[2];
    }
  }
}

}  // namespace vepe::synth
