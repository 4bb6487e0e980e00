#include <array>

#include "synth/head_mesh.h"
#include "synth/person.h"

namespace vepe::synth {
namespace {

// Radii in metres of an adult of 1.75 m at positions along a limb: 0 to 1 the upper part, 1 to 2 the lower.
struct Station {
  double t, radius;
};
constexpr Station kArm[] = {{0.0, .053}, {0.12, .057}, {0.35, .052}, {0.7, .044},  {0.9, .041},
                            {1.0, .041}, {1.12, .042}, {1.3, .041},  {1.65, .033}, {2.0, .026}};
constexpr Station kLeg[] = {{0.0, .096}, {0.15, .094}, {0.4, .081},  {0.75, .064}, {0.92, .059}, {1.0, .058},
                            {1.1, .056}, {1.28, .060}, {1.45, .056}, {1.75, .039}, {2.0, .036}};

// An elliptical cross-section of the trunk, in the frame of its part.
struct TrunkStation {
  double y, half_width, half_depth, z;
};

class PersonBuilder {
 public:
  PersonBuilder(Mesh& mesh, const Look& look, const Skeleton& skeleton, int segments)
      : mesh_(mesh), look_(look), s_(skeleton), segments_(segments), k_(look.shape.stature / 1.75), g_(look.shape.girth) {}

  void build() {
    trunk();
    for (int side = 0; side < 2; ++side) {
      arm(side);
      hand(side);
      leg(side);
      foot(side);
    }
    if (look_.legwear == Legwear::kSkirt) skirt(0.9, kMatBottom, 1.0);
    if (look_.legwear == Legwear::kLongSkirt) skirt(1.55, kMatBottom, 1.0);
    if (look_.coat) skirt(0.75, kMatCoat, 1.12);
    add_head(mesh_, look_, s_, segments_);
    bag();
  }

 private:
  // A limb between three joints, bent about the hinge axis, covering positions from..to.
  void limb(const std::array<Vec3, 3>& joints, const std::array<Mat3, 2>& frames, std::span<const Station> stations, double from,
            double to, double extra, double flare, std::uint16_t material) {
    std::vector<Ring> rings;
    const double upper = length(joints[1] - joints[0]), lower = length(joints[2] - joints[1]);
    const auto radius_at = [&](double t) {
      for (std::size_t i = 1; i < stations.size(); ++i) {
        if (t <= stations[i].t) {
          const Station &a = stations[i - 1], &b = stations[i];
          return lerp(a.radius, b.radius, (t - a.t) / (b.t - a.t));
        }
      }
      return stations.back().radius;
    };
    const auto add = [&](double t) {
      const bool second = t > 1;
      const double bend = smooth_step(0.82, 1.18, t);
      const Vec3 up = normalized(lerp(frames[0].y, frames[1].y, bend));
      const double radius = radius_at(t) * k_ * g_ + extra * k_ * (1 + (flare - 1) * smooth_step(0.9, 2.0, t) * 1.5);
      const Vec3 across = frames[0].x;
      Ring ring;
      ring.centre = second ? lerp(joints[1], joints[2], t - 1) : lerp(joints[0], joints[1], t);
      ring.axis_u = across * radius;
      ring.axis_v = cross(across, up) * radius;
      ring.v = second ? upper + (t - 1) * lower : t * upper;
      rings.push_back(ring);
    };
    add(from);
    for (const Station& station : stations) {
      if (station.t > from + 0.02 && station.t < to - 0.02) add(station.t);
    }
    add(to);
    add_tube(mesh_, rings, segments_, material);
  }

  Ring trunk_ring(Vec3 origin, const Mat3& frame, const TrunkStation& at, double extra, double width_scale, double v) const {
    const double thick = 0.35 + 0.65 * g_;
    Ring ring;
    ring.centre = origin + frame * Vec3{0, at.y * k_, at.z * k_};
    ring.axis_u = frame.x * ((at.half_width * width_scale * thick + extra) * k_);
    ring.axis_v = frame.z * ((at.half_depth * thick * (g_ > 1 ? g_ : 1.0) + extra) * k_);
    ring.v = v;
    return ring;
  }

  void trunk() {
    const double hips = look_.shape.hip_scale, shoulders = look_.shape.shoulder_scale;
    const double spine = look_.shape.lower_spine() / k_;
    constexpr TrunkStation kPelvis[] = {
        {-.095, .105, .085, -.005}, {-.05, .160, .115, -.01}, {.01, .172, .122, -.012}, {.07, .160, .115, -.004}};
    std::vector<Ring> lower, upper;
    for (const auto& station : kPelvis) lower.push_back(trunk_ring(s_.pelvis, s_.pelvis_frame, station, 0.004, hips, station.y));
    const Vec3 waist = s_.pelvis + s_.spine_frame * Vec3{0, 0.15 * k_, 0};
    lower.push_back(trunk_ring(waist, s_.spine_frame, {0, .138, .100, 0.004}, 0.004, (hips + shoulders) / 2, .15));
    add_tube(mesh_, lower, segments_ + 4, kMatBottom);

    const double loose = 0.008 + 0.010 * look_.looseness;
    const double chest = look_.bust ? 0.016 : 0.0;
    const TrunkStation hem{-look_.shirt_hem, .168, .122, -.010};
    upper.push_back(trunk_ring(s_.pelvis, s_.pelvis_frame, hem, loose + 0.006, hips, hem.y));
    if (hem.y < 0) upper.push_back(trunk_ring(s_.pelvis, s_.pelvis_frame, {.03, .166, .120, -.01}, loose, hips, .03));
    upper.push_back(trunk_ring(s_.pelvis, s_.pelvis_frame, {.085, .155, .112, -.003}, loose, hips, .085));
    upper.push_back(trunk_ring(waist, s_.spine_frame, {0.02, .138, .102, .004}, loose, (hips + shoulders) / 2, .17));
    const TrunkStation kChest[] = {{-.05, .146, .106 + chest / 2, .006 + chest / 2},
                                   {.03, .160, .116 + chest, .004 + chest},
                                   {.09, .168, .112, -.002},
                                   {.135, .165, .098, -.010},
                                   {.170, .140, .082, -.012},
                                   {.192, .098, .068, -.012},
                                   {.208, .064, .060, -.010}};
    for (const auto& station : kChest)
      upper.push_back(trunk_ring(s_.chest, s_.chest_frame, station, loose, shoulders, spine + station.y));
    const std::uint16_t top = look_.coat ? kMatCoat : kMatTop;
    add_tube(mesh_, upper, segments_ + 4, top);
    if (look_.coat) coat_front(upper);

    const double neck = 0.056 * k_ * (0.5 + 0.5 * g_);
    const Vec3 low = s_.neck - s_.chest_frame.y * (0.03 * k_), high = s_.head - s_.head_frame.y * (0.5 * look_.shape.head_half());
    const Ring rings[] = {{low, s_.chest_frame.x * (neck * 1.25), s_.chest_frame.z * (neck * 1.2), 0},
                          {lerp(low, high, 0.5), s_.chest_frame.x * neck, s_.chest_frame.z * neck, 0.05},
                          {high, s_.head_frame.x * neck, s_.head_frame.z * neck, 0.1}};
    add_tube(mesh_, rings, segments_, kMatSkin);
  }

  // The shirt seen between the open halves of a coat: a narrow strip on the front.
  void coat_front(const std::vector<Ring>& trunk) {
    std::vector<Ring> strip;
    for (std::size_t i = 1; i + 1 < trunk.size(); ++i) {
      Ring ring = trunk[i];
      ring.centre = ring.centre + ring.axis_v * 0.92;
      ring.axis_u = ring.axis_u * 0.24;
      ring.axis_v = ring.axis_v * 0.11;
      strip.push_back(ring);
    }
    add_tube(mesh_, strip, 8, kMatTop);
  }

  void arm(int side) {
    const std::array<Vec3, 3> joints = {s_.shoulder[side], s_.elbow[side], s_.wrist[side]};
    const std::array<Mat3, 2> frames = {s_.upper_arm_frame[side], s_.forearm_frame[side]};
    const double loose = 0.006 + 0.008 * look_.looseness + (look_.coat ? 0.008 : 0.0);
    const std::uint16_t cloth = look_.coat ? kMatCoat : kMatTop;
    if (look_.sleeve == Sleeve::kLong) {
      limb(joints, frames, kArm, 0.0, 1.97, loose, 1.0, cloth);
    } else {
      limb(joints, frames, kArm, 0.0, 2.0, 0, 1, kMatSkin);
      if (look_.sleeve == Sleeve::kShort)
        limb(joints, frames, kArm, 0.0, 0.55, loose, 1.0, cloth);
      else
        limb(joints, frames, kArm, 0.0, 0.06, 0.008, 1.0, cloth);
    }
  }

  void hand(int side) {
    const Mat3& frame = s_.forearm_frame[side];
    const Vec3 wrist = s_.wrist[side], along = s_.hand_tip[side] - s_.wrist[side];
    const double width = 0.040 * k_, depth = 0.017 * k_;
    // The palm faces the thigh: thin across the body axis of the forearm.
    const auto ring = [&](double t, double w, double d) {
      return Ring{wrist + along * t, frame.x * (depth * d), frame.z * (width * w), t * 0.18};
    };
    const Ring rings[] = {ring(-0.05, 0.62, 1.35), ring(0.2, 0.95, 1.25), ring(0.5, 1.0, 1.1), ring(0.75, 0.80, 0.9),
                          ring(0.95, 0.5, 0.6)};
    add_tube(mesh_, rings, std::max(6, segments_ - 2), kMatSkin);
    const Vec3 root = wrist + along * 0.22 + frame.z * (width * 0.7), tip = wrist + along * 0.58 + frame.z * (width * 1.35);
    const double thumb = 0.011 * k_;
    const Ring thumbs[] = {{root, frame.x * thumb, cross(frame.x, normalized(tip - root)) * thumb, 0},
                           {tip, frame.x * (thumb * 0.8), cross(frame.x, normalized(tip - root)) * (thumb * 0.8), 0.05}};
    add_tube(mesh_, thumbs, 6, kMatSkin);
  }

  void leg(int side) {
    const std::array<Vec3, 3> joints = {s_.hip[side], s_.knee[side], s_.ankle[side]};
    const std::array<Mat3, 2> frames = {s_.thigh_frame[side], s_.shin_frame[side]};
    const double loose = 0.004 + 0.010 * look_.looseness;
    if (look_.legwear == Legwear::kTrousers) {
      limb(joints, frames, kLeg, 0.0, 1.96, loose, look_.flare, kMatBottom);
      return;
    }
    limb(joints, frames, kLeg, 0.0, 2.0, 0, 1, kMatSkin);
    if (look_.legwear == Legwear::kShorts)
      limb(joints, frames, kLeg, 0.0, 0.45 + 0.28 * look_.looseness, loose + 0.008, 1.0, kMatBottom);
    limb(joints, frames, kLeg, 1.75, 2.0, 0.004, 1, kMatSocks);
  }

  void foot(int side) {
    const Mat3& frame = s_.foot_frame[side];
    const double size = look_.shape.stature / 1.75, drop = look_.shape.ankle_height();
    const auto ring = [&](double z, double y, double width, double height) {
      return Ring{s_.ankle[side] + frame * Vec3{0, (y - 0.0735) * size + (0.0735 * size - drop), z * size},
                  frame.x * (width * size), frame.y * (height * size), z};
    };
    // Heel, arch, ball, toes; the centre of each section is half its height above the sole.
    const Ring rings[] = {ring(-0.052, 0.036, 0.026, 0.030), ring(-0.02, 0.050, 0.036, 0.048), ring(0.03, 0.047, 0.038, 0.046),
                          ring(0.09, 0.034, 0.043, 0.033),   ring(0.145, 0.026, 0.041, 0.025), ring(0.175, 0.021, 0.028, 0.018)};
    add_tube(mesh_, rings, std::max(8, segments_ - 2), kMatShoe);
    const auto flat = [&](double z, double width) { return ring(z, 0.007, width, 0.010); };
    const Ring sole[] = {flat(-0.060, 0.028), flat(-0.02, 0.039), flat(0.09, 0.046), flat(0.15, 0.043), flat(0.184, 0.028)};
    add_tube(mesh_, sole, 8, kMatSole);
  }

  // A cone of cloth around both thighs down to position `reach` along the legs (1 = the knees).
  void skirt(double reach, std::uint16_t material, double wide) {
    const Mat3& frame = s_.pelvis_frame;
    std::vector<Ring> rings;
    rings.push_back(trunk_ring(s_.pelvis, frame, {.10, .150, .108, -.002}, 0.012, look_.shape.hip_scale, -.10));
    rings.push_back(trunk_ring(s_.pelvis, frame, {.0, .174, .124, -.012}, 0.014, look_.shape.hip_scale, 0));
    const auto along = [&](int side, double t) {
      return t <= 1 ? lerp(s_.hip[side], s_.knee[side], t) : lerp(s_.knee[side], s_.ankle[side], t - 1);
    };
    for (const double t : {0.35, 0.7, 1.0, 1.3, 1.55}) {
      if (t > reach + 0.2) break;
      const double at = std::min(t, reach);
      const Vec3 left = along(kLeft, at), right = along(kRight, at), between = left - right;
      const double radius = (0.100 - 0.022 * at) * k_ * g_ + 0.02 * k_;
      const double half_x = 0.5 * std::abs(dot(between, frame.x)) + radius * wide,
                   half_z = 0.5 * std::abs(dot(between, frame.z)) + radius * wide;
      rings.push_back({lerp(left, right, 0.5), frame.x * half_x, frame.z * half_z, at * look_.shape.thigh()});
    }
    add_tube(mesh_, rings, segments_ + 4, material);
  }

  void bag() {
    if (look_.bag == Bag::kBackpack) {
      const Mat3& f = s_.chest_frame;
      add_ellipsoid(mesh_, s_.chest + f * Vec3{0, 0.0, -0.20 * k_}, f, {0.15 * k_, 0.22 * k_, 0.11 * k_}, segments_, kMatBag);
      for (int side = 0; side < 2; ++side) {
        const double x = side_sign(side) * 0.105 * k_;
        const Vec3 points[] = {s_.chest + f * Vec3{x, -.06 * k_, .05 * k_}, s_.chest + f * Vec3{x, .06 * k_, .125 * k_},
                               s_.chest + f * Vec3{x * 0.95, .155 * k_, .07 * k_},
                               s_.chest + f * Vec3{x * 0.9, .165 * k_, -.06 * k_},
                               s_.chest + f * Vec3{x * 0.9, .08 * k_, -.16 * k_}};
        std::vector<Ring> strap;
        for (int i = 0; i < 5; ++i) {
          const Vec3 direction = normalized(points[std::min(i + 1, 4)] - points[std::max(i - 1, 0)]);
          strap.push_back({points[i], f.x * (0.024 * k_), cross(f.x, direction) * (0.012 * k_), 0.1 * i});
        }
        add_tube(mesh_, strap, 6, kMatBag);
      }
    } else if (look_.bag == Bag::kShoulder) {
      const Mat3& f = s_.pelvis_frame;
      add_ellipsoid(mesh_, s_.pelvis + f * Vec3{0.21 * k_ * g_, -0.02 * k_, 0.02 * k_}, f, {0.055 * k_, 0.11 * k_, 0.15 * k_},
                    segments_, kMatBag);
    } else if (look_.bag == Bag::kHand) {
      const Vec3 grip = lerp(s_.wrist[kRight], s_.hand_tip[kRight], 0.7);
      const Mat3& f = s_.pelvis_frame;
      Mat3 hang{f.x, {0, 1, 0}, normalized(cross(f.x, {0, 1, 0}))};
      hang.x = normalized(cross(hang.y, hang.z));
      add_box(mesh_, grip - Vec3{0, 0.22 * k_, 0}, hang, {0.06 * k_, 0.15 * k_, 0.18 * k_}, kMatBag);
    }
  }

  Mesh& mesh_;
  const Look& look_;
  const Skeleton& s_;
  const int segments_;
  const double k_, g_;
};

}  // namespace

void add_person(Mesh& mesh, const Look& look, const Skeleton& skeleton, int segments) {
  PersonBuilder(mesh, look, skeleton, segments).build();
}

}  // namespace vepe::synth
