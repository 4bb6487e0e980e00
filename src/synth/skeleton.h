#pragma once

#include <array>

#include "synth/vec.h"

namespace vepe::synth {

enum Side { kLeft = 0, kRight = 1 };
inline double side_sign(int side) { return side == kLeft ? 1.0 : -1.0; }

// A person's measures in metres. Proportions follow the usual anthropometric fractions of the stature.
struct BodyShape {
  double stature = 1.75;
  double girth = 1.0;      // thickness of limbs and trunk relative to the mean
  double leg_scale = 1.0;  // longer legs, shorter trunk
  double shoulder_scale = 1.0, hip_scale = 1.0;
  double head_scale = 1.0;  // children have larger heads

  double thigh() const { return 0.245 * stature * leg_scale; }
  double shin() const { return 0.246 * stature * leg_scale; }
  double ankle_height() const { return 0.042 * stature; }
  double hip_half() const { return 0.052 * stature * hip_scale; }
  double shoulder_half() const { return 0.107 * stature * shoulder_scale; }
  double lower_spine() const { return 0.172 * stature * (2.0 - leg_scale); }  // hip line to chest
  double upper_spine() const { return 0.122 * stature; }                      // chest to the base of the neck
  double upper_arm() const { return 0.172 * stature; }
  double forearm() const { return 0.150 * stature; }
  double hand() const { return 0.100 * stature; }
  double head_half() const { return 0.066 * stature * head_scale; }  // half of chin to crown
};

// Joint angles in radians; all zero is standing straight with hanging arms.
struct ArmPose {
  double flex = 0;    // forwards
  double abduct = 0;  // sideways, away from the body
  double twist = 0;   // about the upper arm; positive turns the forearm outwards
  double elbow = 0.1;
};
struct LegPose {
  double flex = 0, abduct = 0.03, twist = 0, knee = 0.05;
  double foot_pitch = 0;  // of the sole against the ground; positive lifts the toes
};
struct BodyPose {
  double pelvis_roll = 0, pelvis_twist = 0, pelvis_pitch = 0;
  double spine_pitch = 0, spine_roll = 0, spine_twist = 0;  // forwards, to the right, to the left
  double head_pitch = 0, head_roll = 0, head_yaw = 0;
  std::array<ArmPose, 2> arm;
  std::array<LegPose, 2> leg;
  double lift = 0;  // metres between the lower foot and the ground
};

BodyPose blend(const BodyPose& a, const BodyPose& b, double t);

// Positions in the world and the frames of the rigid parts.
struct Skeleton {
  Vec3 pelvis, chest, neck, head;  // `head` is the centre of the skull, `neck` its root between the shoulders
  Mat3 pelvis_frame, spine_frame, chest_frame, head_frame;
  std::array<Vec3, 2> shoulder, elbow, wrist, hand_tip, hip, knee, ankle, heel, toe;
  std::array<Mat3, 2> upper_arm_frame, forearm_frame, thigh_frame, shin_frame, foot_frame;
  // Points that data sets label.
  Vec3 nose, head_top, head_bottom;
  std::array<Vec3, 2> eye, ear;
};

// Forward kinematics. The body stands at (x, z) looking along `yaw`; its height is such that the lower foot
// touches the ground (or hangs `lift` above it).
Skeleton solve_skeleton(const BodyShape& shape, const BodyPose& pose, double x, double z, double yaw);

}  // namespace vepe::synth
