#include "synth/casting.h"

#include <numbers>

namespace vepe::synth {
namespace {

constexpr double kMinDepth = 1.3;  // nobody comes nearer than this, metres

Activity draw_activity(Random& random) {
  constexpr struct {
    Activity activity;
    double share;
  } kShares[] = {{Activity::kWalk, .22}, {Activity::kRun, .10},   {Activity::kCross, .18}, {Activity::kTurn, .07},
                 {Activity::kWave, .09}, {Activity::kStand, .11}, {Activity::kSit, .10},   {Activity::kGesture, .13}};
  double at = random.uniform();
  for (const auto& entry : kShares) {
    if ((at -= entry.share) < 0) return entry.activity;
  }
  return Activity::kWalk;
}

bool on_foot(Activity activity) {
  return activity == Activity::kWalk || activity == Activity::kRun || activity == Activity::kCross;
}

// An ellipse that passes the given spot at the start, within the depths that the camera can show.
GroundPath draw_path(Activity activity, double x, double depth, Random& random) {
  const bool clockwise = random.chance(0.5);
  double half_x, half_z, start;
  if (activity == Activity::kCross) {
    half_x = random.uniform(1.8, 5.0);
    half_z = random.uniform(0.2, 0.5);
    start = std::numbers::pi / 2 * (random.chance(0.5) ? 1 : 3) + random.uniform(-0.5, 0.5);
  } else {
    half_x = random.uniform(0.5, 3.0);
    half_z = random.uniform(0.4, 2.2);
    start = random.uniform(0, 2 * std::numbers::pi);
  }
  // The nearest point of the loop must keep its distance.
  const double nearest = depth - half_z * (1 + std::sin(start) * -1.0);
  if (nearest < kMinDepth) half_z *= std::max(0.12, (depth - kMinDepth) / std::max(0.01, depth - nearest));
  return GroundPath::ellipse(x - half_x * std::cos(start), -depth - half_z * std::sin(start), half_x, half_z, start, clockwise);
}

Actor draw_actor(const Shot& shot, Random random) {
  Look look = draw_look(Random(random.next()));
  const Activity activity = draw_activity(random);
  const double size = shot.nearness * std::exp(random.uniform(-0.55, 0.12)) * shot.camera.height;
  const double depth = std::max(kMinDepth + 0.1, shot.camera.focal_px * 1.72 / size);
  const double picture_x = random.uniform(0.04, 0.96) * shot.camera.width;
  const double x = (picture_x - shot.camera.width / 2.0) * depth / shot.camera.focal_px;
  GroundPath path = on_foot(activity) ? draw_path(activity, x, depth, random) : GroundPath::spot(x, -depth);
  // People on the spot look anywhere, more often towards the camera.
  const double yaw = random.chance(0.6) ? 0.7 * random.normal() : random.uniform(-std::numbers::pi, std::numbers::pi);
  Motion motion(activity, std::move(path), yaw, look.shape, Random(random.next()));
  Actor actor{std::move(look), std::move(motion), std::nullopt};
  if (activity == Activity::kSit) {
    const auto state = actor.motion.state(0);
    actor.seat = draw_seat(solve_skeleton(actor.look.shape, state.pose, state.x, state.z, state.yaw), state.yaw, actor.look.shape,
                           Random(random.next()));
  }
  return actor;
}

// The smallest distance on the ground between two people in the clip.
double closest(const Actor& a, const Actor& b, double seconds) {
  double best = 1e9;
  constexpr int kSteps = 12;
  for (int i = 0; i <= kSteps; ++i) {
    const auto p = a.motion.state(seconds * i / kSteps), q = b.motion.state(seconds * i / kSteps);
    best = std::min(best, std::hypot(p.x - q.x, p.z - q.z));
  }
  return best;
}

}  // namespace

Shot draw_shot(const SceneConfig& config, Random random) {
  const int width = config.width, height = config.height;
  Shot shot;
  const bool close_up = random.chance(0.12);
  shot.nearness =
      close_up ? random.uniform(0.95, 1.7) : std::exp(random.uniform(std::log(config.min_height), std::log(config.max_height)));
  shot.feet_y = close_up ? random.uniform(1.05, 1.6) : random.uniform(0.80, 0.98);
  Camera& camera = shot.camera;
  camera.width = width;
  camera.height = height;
  camera.focal_px = random.uniform(0.85, 1.6) * std::max(width, height);
  camera.height_m = random.chance(0.2) ? random.uniform(2.2, 4.0) : random.uniform(0.9, 1.9);
  // The ground at the depth of a typical person appears at feet_y when the horizon is this much above it.
  const double horizon = std::clamp(shot.feet_y - shot.nearness * camera.height_m / 1.72, -0.35, 0.62) * height;
  camera.pitch = std::atan((height / 2.0 - horizon) / camera.focal_px);
  return shot;
}

std::vector<Actor> draw_actors(const SceneConfig& config, const Shot& shot, Random random) {
  const auto count = random.integer(config.min_people, config.max_people);
  const double seconds = config.frames / config.fps;
  std::vector<Actor> actors;
  for (std::int64_t i = 0; i < count; ++i) {
    std::optional<Actor> best;
    double best_gap = -1;
    for (int attempt = 0; attempt < 12 && best_gap < 0.55; ++attempt) {
      Actor actor = draw_actor(shot, Random(random.next()));
      double gap = 1e9;
      for (const Actor& other : actors) gap = std::min(gap, closest(actor, other, seconds));
      if (gap > best_gap) best_gap = gap, best = std::move(actor);
    }
    actors.push_back(std::move(*best));
  }
  return actors;
}

std::vector<Prop> draw_occluders(const std::vector<Actor>& actors, Random random) {
  std::vector<Prop> props;
  const auto count = random.integer(1, 3);
  for (std::int64_t i = 0; i < count; ++i) {
    double x = random.uniform(-2, 2), depth = 4;
    if (!actors.empty()) {
      const auto& actor = actors[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(actors.size()) - 1))];
      const auto state = actor.motion.state(random.uniform(0, 1.5));
      depth = -state.z * random.uniform(0.55, 0.88);
      x = state.x * depth / -state.z + random.uniform(-0.35, 0.35);
    }
    if (depth < 1.2) continue;
    props.push_back(draw_occluder(x, -depth, Random(random.next())));
  }
  return props;
}

}  // namespace vepe::synth
