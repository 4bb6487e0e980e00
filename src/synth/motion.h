#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/random.h"
#include "synth/skeleton.h"

namespace vepe::synth {

enum class Activity { kWalk, kRun, kCross, kTurn, kWave, kStand, kSit, kGesture };

// Where a person goes: an ellipse on the ground, walked at constant speed and looked up by arc length; or a spot.
class GroundPath {
 public:
  GroundPath() = default;
  static GroundPath spot(double x, double z);
  static GroundPath ellipse(double x, double z, double half_x, double half_z, double start, bool clockwise);

  struct Place {
    double x, z, heading;
  };
  Place at(double distance_m) const;
  bool moving() const { return table_.size() > 1; }

 private:
  std::vector<Place> table_;  // equal steps of arc length around the loop
  double step_ = 1;
};

// Everything that decides how one person moves; `state(t)` is a pure function of time in seconds.
class Motion {
 public:
  // Draws speed, style, gait phase and gestures. `yaw` is where somebody on the spot looks.
  Motion(Activity activity, GroundPath path, double yaw, const BodyShape& shape, Random random);

  struct State {
    BodyPose pose;
    double x, z, yaw;
  };
  State state(double time_s) const;
  Activity activity() const { return activity_; }

 private:
  BodyPose gait(double time_s) const;
  BodyPose standing(double time_s) const;
  BodyPose sitting(double time_s) const;
  BodyPose gesturing(double time_s) const;
  BodyPose key_pose(std::int64_t index) const;
  void add_idle(BodyPose& pose, double time_s, double amount) const;
  void add_wave(BodyPose& pose, double time_s) const;

  Activity activity_;
  GroundPath path_;
  std::uint64_t seed_;
  double yaw_, speed_ = 0, stride_hz_ = 1, phase_ = 0, leg_swing_ = 0, arm_swing_ = 0, elbow_ = 0.2, lean_ = 0;
  double turn_rate_ = 0, wave_hz_ = 1.5, key_seconds_ = 0.8, head_bias_ = 0;
  int wave_arm_ = -1;                               // 0 left, 1 right, 2 both
  std::array<std::optional<ArmPose>, 2> held_arm_;  // an arm that does not swing (a telephone, a pocket)
  BodyPose rest_;
};

}  // namespace vepe::synth
