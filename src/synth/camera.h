#pragma once

#include <optional>

#include "core/random.h"
#include "synth/vec.h"

namespace vepe::synth {

// A point in the picture: continuous pixels, (0, 0) the upper left corner of the picture, pixel centres at + 0.5;
// `depth` in metres along the view.
struct Projected {
  double x = 0, y = 0, depth = 0;
};

// The 2-D movement of the picture that a small rotation or zoom of the camera makes, about the picture's centre.
struct View {
  double zoom = 1, roll = 0, dx = 0, dy = 0;  // dx, dy in pixels
};

// A pinhole camera `height_m` above the ground at the origin, looking along -z, pitched down.
struct Camera {
  int width = 0, height = 0;
  double focal_px = 500, height_m = 1.6, pitch = 0;

  // Nothing for points nearer than 10 cm.
  std::optional<Projected> project(Vec3 world, const View& view) const;
  Vec3 from_world(Vec3 world) const;  // camera frame, same axes directions as the world's
  // The still picture's point for a point of the moved picture, both in pixels.
  void still_from_moved(const View& view, double x, double y, double& still_x, double& still_y) const;
  double horizon_px() const { return height / 2.0 - focal_px * std::tan(pitch); }
};

// Slow pan, zoom and roll with hand shake on top; bounded, so that a margin of `kViewMargin` around the picture
// suffices.
inline constexpr double kViewMargin = 0.16;  // of the picture's size, on each side
class CameraMotion {
 public:
  CameraMotion() = default;  // stands still
  CameraMotion(int width, int height, Random random);
  View view(double time_s) const;

 private:
  struct Wave {
    double amplitude = 0, hz = 0, phase = 0;
  };
  static double sum(const Wave (&waves)[3], double t);
  Wave dx_[3], dy_[3], zoom_[3], roll_[3];
};

}  // namespace vepe::synth
