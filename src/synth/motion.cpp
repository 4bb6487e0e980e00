#include "synth/motion.h"

#include <numbers>

namespace vepe::synth {
namespace {

constexpr double kTau = 2 * std::numbers::pi;

// A bump of height 1 on the circle, of angular width `width`, around `centre`.
double bump(double angle, double centre, double width) {
  double d = std::fmod(angle - centre, kTau);
  if (d > kTau / 2) d -= kTau;
  if (d < -kTau / 2) d += kTau;
  return std::exp(-0.5 * d * d / (width * width));
}

// Smooth noise in [-1, 1] from two incommensurable sines per channel.
double wander(std::uint64_t seed, int channel, double t) {
  Random random(seed, 77, static_cast<std::uint64_t>(channel));
  const double a = random.uniform(0, kTau), b = random.uniform(0, kTau), f = random.uniform(0.7, 1.3);
  return 0.6 * std::sin(f * t * 1.1 + a) + 0.4 * std::sin(f * t * 2.7 + b);
}

// Arms as people hold them: hanging, on the hip, crossed, at the ear, reading a telephone, in the pocket,
// overhead, stretched out, pointing, behind the back, hand raised.
constexpr ArmPose kArmPoses[] = {{0.05, 0.12, 0.0, 0.25},  {-0.35, 0.75, -1.2, 1.75}, {0.50, 0.10, -1.05, 1.80},
                                 {0.40, 0.35, 0.0, 2.30},  {0.50, 0.10, -0.45, 1.50}, {-0.20, 0.25, -0.5, 0.60},
                                 {2.80, 0.25, 0.0, 0.35},  {0.10, 1.50, 0.3, 0.20},   {1.40, 0.20, 0.0, 0.15},
                                 {-0.55, 0.15, -1.2, 1.1}, {0.30, 1.10, 1.4, 1.6},    {0.90, 0.40, -0.2, 1.1}};

ArmPose draw_arm(Random& random, double jitter) {
  ArmPose arm = kArmPoses[random.integer(0, std::size(kArmPoses) - 1)];
  arm.flex += jitter * random.normal();
  arm.abduct = std::max(0.06, arm.abduct + jitter * random.normal());
  arm.twist += jitter * random.normal();
  arm.elbow = std::clamp(arm.elbow + jitter * random.normal(), 0.05, 2.4);
  return arm;
}

}  // namespace

GroundPath GroundPath::spot(double x, double z) {
  GroundPath path;
  path.table_ = {{x, z, 0}};
  return path;
}

GroundPath GroundPath::ellipse(double x, double z, double half_x, double half_z, double start, bool clockwise) {
  constexpr int kFine = 2048, kSteps = 512;
  const double direction = clockwise ? -1.0 : 1.0;
  const auto point = [&](int i) {
    const double angle = start + direction * kTau * i / kFine;
    return Vec3{x + half_x * std::cos(angle), 0, z + half_z * std::sin(angle)};
  };
  std::vector<double> length_at(kFine + 1, 0.0);
  for (int i = 1; i <= kFine; ++i) length_at[i] = length_at[i - 1] + length(point(i) - point(i - 1));
  GroundPath path;
  path.step_ = length_at.back() / kSteps;
  int i = 0;
  for (int k = 0; k < kSteps; ++k) {
    while (i + 1 < kFine && length_at[i + 1] < k * path.step_) ++i;
    const Vec3 here = point(i), next = point(i + 1);
    const Vec3 p = lerp(here, next, (k * path.step_ - length_at[i]) / std::max(1e-9, length_at[i + 1] - length_at[i]));
    path.table_.push_back({p.x, p.z, std::atan2(next.x - here.x, next.z - here.z)});
  }
  return path;
}

GroundPath::Place GroundPath::at(double distance_m) const {
  if (!moving()) return table_.front();
  const double count = static_cast<double>(table_.size());
  double position = std::fmod(distance_m / step_, count);
  if (position < 0) position += count;
  const auto i = std::min(static_cast<std::size_t>(position), table_.size() - 1);
  const Place &a = table_[i], &b = table_[(i + 1) % table_.size()];
  const double t = position - static_cast<double>(i);
  double turn = std::fmod(b.heading - a.heading, kTau);
  if (turn > kTau / 2) turn -= kTau;
  if (turn < -kTau / 2) turn += kTau;
  return {lerp(a.x, b.x, t), lerp(a.z, b.z, t), a.heading + turn * t};
}

Motion::Motion(Activity activity, GroundPath path, double yaw, const BodyShape& shape, Random random)
    : activity_(activity), path_(std::move(path)), seed_(random.next()), yaw_(yaw) {
  phase_ = random.uniform(0, kTau);
  const bool running = activity == Activity::kRun;
  leg_swing_ = running ? random.uniform(0.55, 0.80) : random.uniform(0.36, 0.50);
  stride_hz_ = (running ? random.uniform(1.25, 1.55) : random.uniform(0.78, 1.05)) * std::sqrt(1.75 / shape.stature);
  arm_swing_ = running ? random.uniform(0.6, 1.0) : random.uniform(0.2, 0.6);
  elbow_ = running ? random.uniform(1.3, 1.8) : random.uniform(0.12, 0.5);
  lean_ = running ? random.uniform(0.10, 0.25) : random.uniform(0.0, 0.09);
  // Two steps a stride, each as long as the legs open: the standing foot stays where it is.
  const double leg = shape.thigh() + shape.shin();
  speed_ = stride_hz_ * 4 * leg * std::sin(leg_swing_) * (running ? 1.2 : 0.96);
  if (activity == Activity::kTurn) turn_rate_ = random.uniform(0.5, 1.6) * (random.chance(0.5) ? 1 : -1);
  wave_hz_ = random.uniform(1.0, 2.2);
  key_seconds_ = random.uniform(0.55, 1.3);
  head_bias_ = 0.35 * random.normal();
  if (activity == Activity::kWave) wave_arm_ = random.chance(0.25) ? 2 : static_cast<int>(random.integer(0, 1));
  const bool on_foot = activity == Activity::kWalk || activity == Activity::kCross;
  if (on_foot && random.chance(0.08)) wave_arm_ = static_cast<int>(random.integer(0, 1));
  for (auto& arm : held_arm_) {
    if (on_foot && random.chance(0.22)) arm = draw_arm(random, 0.1);
  }
  for (auto& arm : rest_.arm)
    arm = random.chance(0.45) ? ArmPose{0.05, 0.12, 0.1 * random.normal(), random.uniform(0.1, 0.4)} : draw_arm(random, 0.12);
  if (random.chance(0.15)) rest_.arm[1] = rest_.arm[0];
  for (auto& leg_pose : rest_.leg)
    leg_pose = {0.06 * random.normal(), random.uniform(0.02, 0.14), 0.1 * random.normal(), random.uniform(0.02, 0.15), 0};
  if (activity == Activity::kSit) {
    const bool crossed = random.chance(0.2);
    for (auto& leg_pose : rest_.leg) {
      leg_pose = {random.uniform(1.40, 1.60), random.uniform(0.04, 0.28), 0, random.uniform(1.3, 1.75), 0};
    }
    if (crossed) rest_.leg[0].flex += 0.22, rest_.leg[0].abduct = -0.16, rest_.leg[0].knee = 1.2, rest_.leg[0].foot_pitch = -0.35;
    rest_.spine_pitch = random.uniform(-0.1, 0.45);
    for (auto& arm : rest_.arm) {
      if (random.chance(0.6)) arm = {random.uniform(0.3, 0.6), 0.15, random.uniform(-0.5, 0.0), random.uniform(0.6, 1.2)};
    }
  }
}

Motion::State Motion::state(double time_s) const {
  State out;
  switch (activity_) {
    case Activity::kWalk:
    case Activity::kRun:
    case Activity::kCross:
      out.pose = gait(time_s);
      break;
    case Activity::kTurn:
    case Activity::kWave:
    case Activity::kStand:
      out.pose = standing(time_s);
      break;
    case Activity::kSit:
      out.pose = sitting(time_s);
      break;
    case Activity::kGesture:
      out.pose = gesturing(time_s);
      break;
  }
  if (wave_arm_ >= 0) add_wave(out.pose, time_s);
  const auto place = path_.at(speed_ * time_s);
  out.x = place.x;
  out.z = place.z;
  out.yaw = path_.moving() ? place.heading : yaw_ + turn_rate_ * time_s;
  return out;
}

BodyPose Motion::gait(double time_s) const {
  const bool running = activity_ == Activity::kRun;
  const double phase = phase_ + kTau * stride_hz_ * time_s;
  BodyPose pose;
  for (int side = 0; side < 2; ++side) {
    const double a = phase + (side == kLeft ? 0.0 : kTau / 2);  // 0 = heel strike, half a turn = the other heel's
    LegPose& leg = pose.leg[side];
    leg.flex = leg_swing_ * std::cos(a) + (running ? 0.18 : 0.04) + (running ? 0.35 : 0.12) * bump(a, 5.2, 0.6);
    leg.knee = running ? 0.35 + 0.35 * bump(a, 0.7, 0.5) + 1.35 * bump(a, 4.3, 0.8)
                       : 0.06 + 0.22 * bump(a, 0.75, 0.45) + 0.95 * bump(a, 4.45, 0.70);
    leg.foot_pitch = 0.28 * bump(a, 0.0, 0.35) - (running ? 1.0 : 0.75) * bump(a, 3.9, 0.55);
    leg.abduct = 0.01;
    ArmPose& arm = pose.arm[side];
    arm = {-arm_swing_ * std::cos(a) + (running ? -0.15 : 0.05), 0.13, running ? -0.35 : -0.1,
           elbow_ + 0.25 * arm_swing_ * (1 - std::cos(a))};
    if (held_arm_[side]) {
      arm = *held_arm_[side];
      arm.flex += 0.06 * std::cos(a);
    }
  }
  if (running) pose.lift = 0.09 * std::max(0.0, std::cos(2 * phase - 0.6));
  pose.pelvis_twist = -0.10 * std::cos(phase);
  pose.pelvis_roll = 0.05 * std::sin(phase);
  pose.spine_twist = 0.22 * std::cos(phase) * std::min(1.0, arm_swing_ * 2);
  pose.spine_roll = 0.04 * std::sin(phase);
  pose.spine_pitch = lean_;
  pose.head_pitch = -0.5 * lean_;
  add_idle(pose, time_s, 0.5);
  return pose;
}

BodyPose Motion::standing(double time_s) const {
  BodyPose pose = rest_;
  if (activity_ == Activity::kTurn) {
    // Small steps on the spot.
    const double phase = phase_ + kTau * 1.1 * time_s;
    for (int side = 0; side < 2; ++side) {
      const double step = std::max(0.0, std::sin(phase + (side == kLeft ? 0.0 : kTau / 2)));
      pose.leg[side].flex += 0.30 * step;
      pose.leg[side].knee += 0.55 * step;
      pose.leg[side].foot_pitch = -0.2 * step;
    }
  } else {
    const double shift = wander(seed_, 20, 0.8 * time_s);
    pose.pelvis_roll = 0.06 * shift;
    pose.spine_roll = 0.10 * shift;
    pose.leg[shift > 0 ? kLeft : kRight].knee += 0.2 * std::abs(shift);
    pose.leg[shift > 0 ? kLeft : kRight].flex += 0.1 * std::abs(shift);
  }
  add_idle(pose, time_s, 1.0);
  return pose;
}

BodyPose Motion::sitting(double time_s) const {
  BodyPose pose = rest_;
  pose.pelvis_pitch = -0.12;
  add_idle(pose, time_s, 1.4);
  return pose;
}

BodyPose Motion::key_pose(std::int64_t index) const {
  Random random(seed_, 5, static_cast<std::uint64_t>(index));
  BodyPose pose;
  for (auto& arm : pose.arm) arm = draw_arm(random, 0.3);
  if (random.chance(0.3)) pose.arm[1] = pose.arm[0];
  const int front = static_cast<int>(random.integer(0, 1));
  LegPose &a = pose.leg[front], &b = pose.leg[1 - front];
  switch (random.integer(0, 5)) {
    case 0:
      a = {0.85, 0.08, 0, 0.95, 0}, b = {-0.45, 0.05, 0, 0.35, -0.6}, pose.spine_pitch = 0.25;
      break;  // lunge
    case 1:
      a = {1.35, 0.22, 0, 1.75, 0}, b = {1.30, 0.22, 0, 1.70, 0}, pose.spine_pitch = 0.65;
      break;  // squat
    case 2:
      a = {1.15, 0.15, 0, 0.45, 0.2}, b = {-0.10, 0.05, 0, 0.15, 0}, pose.spine_pitch = -0.1;
      break;  // kick
    case 3:
      a = {0.10, 0.38, 0.2, 0.15, 0}, b = {0.10, 0.38, 0.2, 0.15, 0};
      break;  // wide
    case 4:
      a = {0.02, 0.06, 0, 0.1, 0}, b = {0.0, 0.06, 0, 0.06, 0}, pose.spine_pitch = random.uniform(0.3, 1.1);
      break;  // bow
    default:
      a = {0.25, 0.08, 0, 0.4, 0}, b = {0.0, 0.08, 0, 0.1, 0};
      break;
  }
  pose.spine_roll = 0.18 * random.normal();
  pose.spine_twist = 0.30 * random.normal();
  pose.head_yaw = 0.35 * random.normal();
  pose.head_pitch = 0.2 * random.normal() - 0.4 * pose.spine_pitch;
  return pose;
}

BodyPose Motion::gesturing(double time_s) const {
  const double position = time_s / key_seconds_ + phase_;
  const double whole = std::floor(position);
  const auto index = static_cast<std::int64_t>(whole);
  BodyPose pose = blend(key_pose(index), key_pose(index + 1), smooth_step(0.15, 1.0, position - whole));
  add_idle(pose, time_s, 0.6);
  return pose;
}

void Motion::add_idle(BodyPose& pose, double time_s, double amount) const {
  pose.head_yaw += head_bias_ + 0.30 * amount * wander(seed_, 0, time_s);
  pose.head_pitch += 0.12 * amount * wander(seed_, 1, time_s);
  pose.head_roll += 0.08 * amount * wander(seed_, 2, time_s);
  pose.spine_twist += 0.08 * amount * wander(seed_, 3, time_s);
  pose.spine_pitch += 0.03 * amount * wander(seed_, 4, time_s);
  for (int side = 0; side < 2; ++side) {
    pose.arm[side].flex += 0.07 * amount * wander(seed_, 6 + side, time_s);
    pose.arm[side].elbow = std::max(0.03, pose.arm[side].elbow + 0.09 * amount * wander(seed_, 8 + side, 1.3 * time_s));
  }
}

void Motion::add_wave(BodyPose& pose, double time_s) const {
  for (int side = 0; side < 2; ++side) {
    if (wave_arm_ != 2 && wave_arm_ != side) continue;
    const double beat = std::sin(kTau * wave_hz_ * time_s + phase_ + side);
    pose.arm[side] = {0.25, 1.45 + 0.25 * beat, 1.45, 1.0 + 0.55 * beat};
  }
}

}  // namespace vepe::synth
