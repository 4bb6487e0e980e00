#include "data/clips.h"

#include <cmath>
#include <numbers>

namespace vepe::data {
namespace {

// Position at time t of something with a random speed up to `speed` and a random acceleration.
std::vector<double> draw_motion(double speed, const std::vector<int>& times, Random& random) {
  const double velocity = random.uniform(-speed, speed), acceleration = random.uniform(-0.5, 0.5) * speed;
  std::vector<double> positions;
  for (const int t : times) positions.push_back(velocity * t + 0.5 * acceleration * t * std::abs(t));
  return positions;
}

}  // namespace

std::vector<int> clip_offsets(const ClipConfig& config) {
  std::vector<int> offsets;
  for (int frame = 0; frame < config.frames; ++frame) offsets.push_back((frame - config.key()) * config.stride);
  return offsets;
}

int draw_stride(const ClipConfig& config, Random& random) {
  if (config.max_stride <= config.stride) return config.stride;
  return static_cast<int>(random.integer(config.stride, config.max_stride));
}

std::vector<Camera> draw_camera_path(const ClipConfig& config, Random& random) {
  std::vector<int> times;
  for (int frame = 0; frame < config.frames; ++frame) times.push_back(frame - config.key());
  const std::vector<double> x = draw_motion(config.motion, times, random), y = draw_motion(config.motion, times, random);
  const std::vector<double> rotation = draw_motion(config.motion_rotation * std::numbers::pi / 180, times, random);
  const std::vector<double> zoom = draw_motion(std::log1p(config.motion_zoom), times, random);
  std::vector<Camera> path;
  for (std::size_t i = 0; i < times.size(); ++i) path.push_back({x[i], y[i], rotation[i], std::exp(zoom[i])});
  return path;
}

std::vector<Sample> apply_augment(const std::vector<Sample>& frames, const AugmentParams& params, const std::vector<Camera>& path) {
  std::vector<Sample> result;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    AugmentParams frame_params = params;
    if (!path.empty()) frame_params.camera = path[i];
    result.push_back(apply_augment(frames[i], frame_params));
  }
  return result;
}

}  // namespace vepe::data
