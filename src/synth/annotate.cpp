#include "synth/annotate.h"

#include "formats/joints.h"

namespace vepe::synth {
namespace {

// A joint and how far under the surface it may lie and still count as seen, in metres of an adult.
struct Joint {
  const char* name;
  Vec3 position;
  double depth_m;
};

std::vector<Joint> labelled_joints(const Skeleton& s) {
  std::vector<Joint> joints = {{"nose", s.nose, .035}, {"head_bottom", s.head_bottom, .11}, {"head_top", s.head_top, .13}};
  const auto both = [&](const char* left, const char* right, const std::array<Vec3, 2>& at, double depth) {
    joints.push_back({left, at[kLeft], depth});
    joints.push_back({right, at[kRight], depth});
  };
  both("left_eye", "right_eye", s.eye, .03);
  both("left_ear", "right_ear", s.ear, .045);
  both("left_shoulder", "right_shoulder", s.shoulder, .12);
  both("left_elbow", "right_elbow", s.elbow, .075);
  both("left_wrist", "right_wrist", s.wrist, .06);
  both("left_hip", "right_hip", s.hip, .18);
  both("left_knee", "right_knee", s.knee, .11);
  both("left_ankle", "right_ankle", s.ankle, .09);
  return joints;
}

// True when this person's surface is in front of the joint, and near it.
bool seen_at(int x, int y, std::uint16_t person, double joint_depth, double tolerance, const DrawList& list,
             const DepthBuffer& depth) {
  if (x < 0 || y < 0 || x >= depth.width() || y >= depth.height()) return false;
  const std::uint32_t triangle = depth.triangle(x, y);
  if (triangle == 0 || list.triangles[triangle - 1].person != person) return false;
  return 1.0 / static_cast<double>(depth.inverse_depth(x, y)) >= joint_depth - tolerance;
}

bool seen(const Projected& p, std::uint16_t person, double tolerance, const DrawList& list, const DepthBuffer& depth) {
  const int x = static_cast<int>(std::floor(p.x * depth.scale())), y = static_cast<int>(std::floor(p.y * depth.scale()));
  if (seen_at(x, y, person, p.depth, tolerance, list, depth)) return true;
  // A thin limb may slip between samples: two of four neighbours must agree.
  const int votes =
      seen_at(x - 1, y, person, p.depth, tolerance, list, depth) + seen_at(x + 1, y, person, p.depth, tolerance, list, depth) +
      seen_at(x, y - 1, person, p.depth, tolerance, list, depth) + seen_at(x, y + 1, person, p.depth, tolerance, list, depth);
  return votes >= 2;
}

std::vector<formats::Keypoint> in_order(const formats::JointSet& set, const std::vector<Joint>& joints,
                                        const std::vector<formats::Keypoint>& points, bool ears) {
  std::vector<formats::Keypoint> out(set.names.size());
  for (std::size_t i = 0; i < joints.size(); ++i) {
    const std::string_view name = joints[i].name;
    if (!ears && name.ends_with("_ear")) continue;
    const int slot = set.index(name);
    if (slot >= 0) out[static_cast<std::size_t>(slot)] = points[i];
  }
  return out;
}

struct Bounds {
  double low_x = 1e9, low_y = 1e9, high_x = -1e9, high_y = -1e9;

  void add(double x, double y) {
    low_x = std::min(low_x, x), low_y = std::min(low_y, y);
    high_x = std::max(high_x, x), high_y = std::max(high_y, y);
  }
  formats::Box box() const { return {low_x, low_y, high_x - low_x, high_y - low_y}; }
};

formats::Box body_box(const DrawList& list, PersonSpan span, int width, int height) {
  Bounds bounds;
  for (std::size_t i = span.first_vertex; i < span.end_vertex; ++i) {
    if (list.vertices[i].inverse_depth > 0) bounds.add(list.vertices[i].x, list.vertices[i].y);
  }
  Bounds cut;
  cut.add(std::clamp(bounds.low_x, 0.0, static_cast<double>(width)), std::clamp(bounds.low_y, 0.0, static_cast<double>(height)));
  cut.add(std::clamp(bounds.high_x, 0.0, static_cast<double>(width)), std::clamp(bounds.high_y, 0.0, static_cast<double>(height)));
  return cut.box();
}

double seen_area(std::uint16_t person, const DrawList& list, const DepthBuffer& depth, const formats::Box& box) {
  std::int64_t samples = 0;
  const int scale = depth.scale();
  const int x1 = std::min(depth.width(), static_cast<int>(std::ceil((box.x + box.width) * scale))),
            y1 = std::min(depth.height(), static_cast<int>(std::ceil((box.y + box.height) * scale)));
  for (int y = std::max(0, static_cast<int>(box.y * scale)); y < y1; ++y) {
    for (int x = std::max(0, static_cast<int>(box.x * scale)); x < x1; ++x) {
      const std::uint32_t triangle = depth.triangle(x, y);
      samples += triangle != 0 && list.triangles[triangle - 1].person == person;
    }
  }
  return static_cast<double>(samples) / (scale * scale);
}

}  // namespace

std::optional<AnnotatedPerson> annotate(std::uint16_t person, const Look& look, const Skeleton& skeleton, const Camera& camera,
                                        const View& view, const DrawList& list, PersonSpan span, const DepthBuffer& depth) {
  const std::vector<Joint> joints = labelled_joints(skeleton);
  std::vector<formats::Keypoint> points(joints.size());
  int inside = 0, visible = 0;
  for (std::size_t i = 0; i < joints.size(); ++i) {
    const auto p = camera.project(joints[i].position, view);
    if (!p || p->x < 0 || p->y < 0 || p->x >= camera.width || p->y >= camera.height) continue;
    const bool is_seen = seen(*p, person, joints[i].depth_m * look.shape.stature / 1.75, list, depth);
    points[i].x = p->x;
    points[i].y = p->y;
    points[i].visibility = is_seen ? 2.0f : 1.0f;
    points[i].present = true;
    ++inside;
    visible += is_seen;
  }
  if (inside < 3 || visible == 0) return std::nullopt;
  AnnotatedPerson out;
  out.track_id = person;
  out.coco = in_order(formats::coco17(), joints, points, true);
  out.posetrack = in_order(formats::posetrack18(), joints, points, false);
  out.box = body_box(list, span, camera.width, camera.height);
  out.visible_area = seen_area(person, list, depth, out.box);
  Bounds head;
  for (const Vec3& point : head_outline(look, skeleton)) {
    if (const auto p = camera.project(point, view)) head.add(p->x, p->y);
  }
  if (head.high_x > head.low_x) out.head_box = head.box();
  return out;
}

}  // namespace vepe::synth
