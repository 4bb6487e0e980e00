#include "synth/skeleton.h"

namespace vepe::synth {
namespace {

void solve_trunk(const BodyShape& shape, const BodyPose& pose, const Mat3& base, Skeleton& s) {
  s.pelvis_frame = base * rotation_y(pose.pelvis_twist) * rotation_z(pose.pelvis_roll) * rotation_x(pose.pelvis_pitch);
  const Mat3 half_bend = rotation_y(pose.spine_twist / 2) * rotation_z(-pose.spine_roll / 2) * rotation_x(pose.spine_pitch / 2);
  s.spine_frame = s.pelvis_frame * half_bend;
  s.chest_frame = s.spine_frame * half_bend;
  s.chest = s.pelvis + s.spine_frame * Vec3{0, shape.lower_spine(), 0};
  s.neck = s.chest + s.chest_frame * Vec3{0, shape.upper_spine(), -0.012};
  s.head_frame = s.chest_frame * rotation_y(pose.head_yaw) * rotation_z(-pose.head_roll) * rotation_x(pose.head_pitch);
}

void solve_head(const BodyShape& shape, Skeleton& s) {
  const double half = shape.head_half();
  const Vec3 neck_up = normalized(s.chest_frame.y + s.head_frame.y);
  s.head = s.neck + neck_up * (0.030 * shape.stature) + s.head_frame * Vec3{0, half, 0.018};
  const auto on_head = [&](double x, double y, double z) { return s.head + s.head_frame * Vec3{x * half, y * half, z * half}; };
  s.nose = on_head(0, -0.17, 0.97);
  s.head_top = on_head(0, 1.0, 0);
  s.head_bottom = lerp(s.neck, on_head(0, -1.0, 0), 0.45);
  for (int side = 0; side < 2; ++side) {
    s.eye[side] = on_head(side_sign(side) * 0.29, 0.10, 0.76);
    s.ear[side] = on_head(side_sign(side) * 0.68, -0.05, -0.04);
  }
}

void solve_arm(const BodyShape& shape, const ArmPose& arm, int side, Skeleton& s) {
  const double sign = side_sign(side);
  // The shoulder blade follows an arm that is raised above the horizontal.
  const double raised = smooth_step(1.0, 2.8, std::max(arm.abduct, arm.flex));
  s.shoulder[side] = s.chest + s.chest_frame * Vec3{sign * shape.shoulder_half() * (1 - 0.12 * raised),
                                                    (0.088 + 0.025 * raised) * shape.stature, 0};
  s.upper_arm_frame[side] = s.chest_frame * rotation_z(sign * arm.abduct) * rotation_x(-arm.flex) * rotation_y(sign * arm.twist);
  s.forearm_frame[side] = s.upper_arm_frame[side] * rotation_x(-arm.elbow);
  s.elbow[side] = s.shoulder[side] - s.upper_arm_frame[side].y * shape.upper_arm();
  s.wrist[side] = s.elbow[side] - s.forearm_frame[side].y * shape.forearm();
  s.hand_tip[side] = s.wrist[side] - s.forearm_frame[side].y * shape.hand();
}

void solve_leg(const BodyShape& shape, const LegPose& leg, int side, const Mat3& base, Skeleton& s) {
  const double sign = side_sign(side);
  s.hip[side] = s.pelvis + s.pelvis_frame * Vec3{sign * shape.hip_half(), 0, 0};
  s.thigh_frame[side] = base * rotation_z(sign * leg.abduct) * rotation_x(-leg.flex) * rotation_y(sign * leg.twist);
  s.shin_frame[side] = s.thigh_frame[side] * rotation_x(leg.knee);
  s.knee[side] = s.hip[side] - s.thigh_frame[side].y * shape.thigh();
  s.ankle[side] = s.knee[side] - s.shin_frame[side].y * shape.shin();
  s.foot_frame[side] = base * rotation_y(sign * (leg.twist + 0.14)) * rotation_x(-leg.foot_pitch);
  s.heel[side] = s.ankle[side] + s.foot_frame[side] * Vec3{0, -shape.ankle_height(), -0.032 * shape.stature};
  s.toe[side] = s.ankle[side] + s.foot_frame[side] * Vec3{0, -shape.ankle_height(), 0.108 * shape.stature};
}

ArmPose blend_arm(const ArmPose& a, const ArmPose& b, double t) {
  return {lerp(a.flex, b.flex, t), lerp(a.abduct, b.abduct, t), lerp(a.twist, b.twist, t), lerp(a.elbow, b.elbow, t)};
}

LegPose blend_leg(const LegPose& a, const LegPose& b, double t) {
  return {lerp(a.flex, b.flex, t), lerp(a.abduct, b.abduct, t), lerp(a.twist, b.twist, t), lerp(a.knee, b.knee, t),
          lerp(a.foot_pitch, b.foot_pitch, t)};
}

}  // namespace

BodyPose blend(const BodyPose& a, const BodyPose& b, double t) {
  BodyPose out;
  out.pelvis_roll = lerp(a.pelvis_roll, b.pelvis_roll, t);
  out.pelvis_twist = lerp(a.pelvis_twist, b.pelvis_twist, t);
  out.pelvis_pitch = lerp(a.pelvis_pitch, b.pelvis_pitch, t);
  out.spine_pitch = lerp(a.spine_pitch, b.spine_pitch, t);
  out.spine_roll = lerp(a.spine_roll, b.spine_roll, t);
  out.spine_twist = lerp(a.spine_twist, b.spine_twist, t);
  out.head_pitch = lerp(a.head_pitch, b.head_pitch, t);
  out.head_roll = lerp(a.head_roll, b.head_roll, t);
  out.head_yaw = lerp(a.head_yaw, b.head_yaw, t);
  out.lift = lerp(a.lift, b.lift, t);
  for (std::size_t side = 0; side < 2; ++side) {
    out.arm[side] = blend_arm(a.arm[side], b.arm[side], t);
    out.leg[side] = blend_leg(a.leg[side], b.leg[side], t);
  }
  return out;
}

Skeleton solve_skeleton(const BodyShape& shape, const BodyPose& pose, double x, double z, double yaw) {
  const Mat3 base = rotation_y(yaw);
  const Mat3 hips = base * rotation_y(pose.pelvis_twist);
  // The height is found by solving the legs once from a pelvis at the origin.
  Skeleton trial;
  trial.pelvis_frame = hips * rotation_z(pose.pelvis_roll) * rotation_x(pose.pelvis_pitch);
  double lowest = 1e9;
  for (int side = 0; side < 2; ++side) {
    solve_leg(shape, pose.leg[side], side, hips, trial);
    lowest = std::min({lowest, trial.heel[side].y, trial.toe[side].y});
  }
  Skeleton s;
  s.pelvis = {x, pose.lift - lowest, z};
  solve_trunk(shape, pose, base, s);
  solve_head(shape, s);
  for (int side = 0; side < 2; ++side) {
    solve_arm(shape, pose.arm[side], side, s);
    solve_leg(shape, pose.leg[side], side, hips, s);
  }
  return s;
}

}  // namespace vepe::synth
