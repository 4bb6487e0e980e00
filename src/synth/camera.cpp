#include "synth/camera.h"

#include <numbers>

namespace vepe::synth {

Vec3 Camera::from_world(Vec3 world) const { return rotation_x(pitch) * (world - Vec3{0, height_m, 0}); }

std::optional<Projected> Camera::project(Vec3 world, const View& view) const {
  const Vec3 p = from_world(world);
  const double depth = -p.z;
  if (depth < 0.1) return std::nullopt;
  const double x = focal_px * p.x / depth, y = -focal_px * p.y / depth;
  const double c = std::cos(view.roll) * view.zoom, s = std::sin(view.roll) * view.zoom;
  return Projected{width / 2.0 + view.dx + c * x - s * y, height / 2.0 + view.dy + s * x + c * y, depth};
}

void Camera::still_from_moved(const View& view, double x, double y, double& still_x, double& still_y) const {
  const double u = x - width / 2.0 - view.dx, v = y - height / 2.0 - view.dy;
  const double c = std::cos(view.roll) / view.zoom, s = std::sin(view.roll) / view.zoom;
  still_x = width / 2.0 + c * u + s * v;
  still_y = height / 2.0 - s * u + c * v;
}

CameraMotion::CameraMotion(int width, int height, Random random) {
  const double size = std::min(width, height);
  const auto draw = [&](Wave(&waves)[3], double slow, double shake) {
    waves[0] = {slow * random.uniform(0.2, 1.0), random.uniform(0.05, 0.30), random.uniform(0, 2 * std::numbers::pi)};
    waves[1] = {shake * random.uniform(0.1, 1.0), random.uniform(0.8, 2.5), random.uniform(0, 2 * std::numbers::pi)};
    waves[2] = {0.5 * shake * random.uniform(0.0, 1.0), random.uniform(3.0, 7.0), random.uniform(0, 2 * std::numbers::pi)};
  };
  draw(dx_, 0.09 * size, 0.010 * size);
  draw(dy_, 0.04 * size, 0.010 * size);
  draw(zoom_, 0.06, 0.002);
  draw(roll_, 0.02, 0.003);
}

double CameraMotion::sum(const Wave (&waves)[3], double t) {
  double total = 0;
  for (const Wave& wave : waves) total += wave.amplitude * std::sin(2 * std::numbers::pi * wave.hz * t + wave.phase);
  return total;
}

View CameraMotion::view(double t) const { return {1.0 + sum(zoom_, t), sum(roll_, t), sum(dx_, t), sum(dy_, t)}; }

}  // namespace vepe::synth
