#include "synth/scene.h"

#include <numeric>

#include "core/error.h"
#include "synth/annotate.h"
#include "synth/casting.h"
#include "synth/compose.h"
#include "synth/finish.h"

namespace vepe::synth {
namespace {

// Streams of random numbers of one clip: each part of a scene draws from its own, so that options leave the rest alone.
enum Stream : std::uint64_t {
  kShotStream = 1,
  kActorStream,
  kPropStream,
  kCameraStream,
  kBackgroundStream,
  kLightStream,
  kFinishStream,
  kClothStream,
  kFocusStream
};

void check_range(const char* option, double value, double low, double high) {
  if (value >= low && value <= high) return;
  const auto text = [](double number) { return std::to_string(static_cast<long long>(number)); };
  throw Error(ErrorCode::kUsage, option, "is " + text(value), "use " + text(low) + " to " + text(high));
}

// Light that fits the background: its colour and strength follow the picture's mean.
Lighting draw_lighting(const Color& mean, Random random) {
  Lighting light;
  const double azimuth = random.uniform(-1.9, 1.9), height = random.uniform(0.75, 1.9);
  light.towards_lamp = normalized({std::sin(azimuth), height, std::cos(azimuth)});
  const float level = std::clamp(luminance(mean) / 0.20f, 0.45f, 1.35f) * static_cast<float>(random.uniform(0.9, 1.2));
  const float grey = std::max(0.02f, luminance(mean));
  const auto tint = [&](float channel) { return std::pow(std::clamp(channel / grey, 0.5f, 2.0f), 0.35f); };
  const Color cast{tint(mean.r), tint(mean.g), tint(mean.b)};
  const auto hard = static_cast<float>(random.uniform(0.2, 1.0));  // overcast to sunny
  light.lamp = cast * Color{1.0f, 0.96f, 0.88f} * (level * (0.35f + 0.90f * hard));
  light.sky = cast * Color{0.95f, 0.98f, 1.05f} * (level * (0.74f - 0.44f * hard));
  light.ground = cast * (level * (0.26f - 0.12f * hard));
  light.shadow = 0.12f + 0.42f * hard;
  return light;
}

}  // namespace

void check_scene_config(const SceneConfig& config) {
  check_range("--size", config.width, 16, 8192);
  check_range("--size", config.height, 16, 8192);
  check_range("--frames", config.frames, 1, 1000000);
  check_range("--fps", config.fps, 1, 240);
  check_range("--people", config.min_people, 0, 64);
  check_range("--people", config.max_people, 0, 64);
  if (!(config.min_height >= 0.05 && config.min_height <= config.max_height && config.max_height <= 2)) {
    throw Error(ErrorCode::kUsage, "--people-height",
                "wants two shares of the picture's height, from 0.05 to 2, the smaller one first",
                "write it as in --people-height 0.3:0.9");
  }
  if (config.min_people > config.max_people) {
    throw Error(ErrorCode::kUsage, "--people",
                std::to_string(config.min_people) + " is more than " + std::to_string(config.max_people),
                "write the smaller number first, as in 2:8");
  }
}

namespace {

// Everything at one instant, as triangles.
struct Instant {
  View view;
  std::vector<Skeleton> skeletons;
  std::vector<Mesh> bodies;
  DrawList list;
  std::vector<PersonSpan> spans;
};

}  // namespace

struct Workspace::Buffers {
  Instant now, open;  // the labelled instant, and one while the shutter is open
  DepthBuffer depth, open_depth;
  std::vector<float> pixels, sum;
};

Workspace::Workspace() : buffers_(std::make_unique<Buffers>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

struct Scene::State {
  SceneConfig config;
  std::uint64_t noise_seed = 0;
  Camera camera;
  CameraMotion camera_motion;
  std::vector<Actor> actors;
  std::vector<Prop> props;          // seats, then occluders
  std::vector<Material> materials;  // of actors, then of props
  Background background;
  Lighting light;
  Finish finish;
  double shutter_s = 0;

  double time(int frame) const { return frame / config.fps; }

  void set_instant(Instant& now, double time_s) const {
    now.view = config.camera_motion ? camera_motion.view(time_s) : View{};
    now.skeletons.clear();
    now.spans.clear();
    now.list.clear();
    now.bodies.resize(actors.size());
    for (std::size_t i = 0; i < actors.size(); ++i) {
      const auto state = actors[i].motion.state(time_s);
      now.skeletons.push_back(solve_skeleton(actors[i].look.shape, state.pose, state.x, state.z, state.yaw));
      Mesh& body = now.bodies[i];
      body.vertices.clear();
      body.triangles.clear();
      add_person(body, actors[i].look, now.skeletons.back(), limb_segments(now.skeletons.back()));
      const std::size_t first = now.list.vertices.size();
      now.list.add(body, {}, camera, now.view, static_cast<std::uint16_t>(i * kPersonMaterials), static_cast<std::uint16_t>(i));
      now.spans.push_back({first, now.list.vertices.size()});
    }
    std::size_t material = actors.size() * kPersonMaterials;
    for (const Prop& prop : props) {
      now.list.add(prop.mesh, prop.velocity * time_s, camera, now.view, static_cast<std::uint16_t>(material), kNoPerson);
      material += prop.materials.size();
    }
  }

  // The labelled instant of a frame and its depth buffer.
  void set_frame(Workspace::Buffers& buffers, int index, int scale) const {
    set_instant(buffers.now, time(index));
    buffers.depth.draw(buffers.now.list, config.width, config.height, scale);
  }

  // Fewer points around the limbs of people who are small in the picture.
  int limb_segments(const Skeleton& skeleton) const {
    const double height_px = camera.focal_px * 1.75 / std::max(0.5, -camera.from_world(skeleton.pelvis).z);
    return height_px < 60 ? 7 : height_px < 130 ? 9 : height_px < 260 ? 12 : 18;
  }

  std::vector<AnnotatedPerson> annotations(const Instant& now, const DepthBuffer& depth) const {
    std::vector<AnnotatedPerson> people;
    for (std::size_t i = 0; i < actors.size(); ++i) {
      auto person = annotate(static_cast<std::uint16_t>(i), actors[i].look, now.skeletons[i], camera, now.view, now.list,
                             now.spans[i], depth);
      if (person) people.push_back(std::move(*person));
    }
    return people;
  }

  std::vector<float> shadow(const Instant& now, double time_s) const {
    std::vector<ShadowCaster> casters;
    for (std::size_t i = 0; i < actors.size(); ++i) {
      const Skeleton& s = now.skeletons[i];
      for (int side = 0; side < 2; ++side) {
        const Vec3 sole = lerp(s.heel[side], s.toe[side], 0.5);
        const double near_ground = 1 - smooth_step(0.02, 0.25, sole.y);
        casters.push_back({side == 0 ? &now.bodies[i] : &no_mesh_,
                           {},
                           {sole.x, 0, sole.z},
                           0.13 * near_ground * actors[i].look.shape.stature / 1.75});
      }
    }
    for (const Prop& prop : props) casters.push_back({&prop.mesh, prop.velocity * time_s, {}, 0});
    return ground_shadow(casters, camera, now.view, light);
  }

  void paint(std::vector<float>& pixels, const Instant& now, const DepthBuffer& depth,
             const std::vector<float>& shadow_mask) const {
    lay_background(pixels, background, camera, now.view);
    apply_shadow(pixels, shadow_mask, config.width, config.height);
    blend_surfaces(pixels, now.list, depth, materials, light, static_cast<float>(camera.focal_px));
  }

  // The mean of several instants while the shutter is open; each is sampled at another place within the pixel.
  void expose(Workspace::Buffers& buffers, double time_s, const std::vector<float>& shadow_mask) const {
    constexpr int kInstants = 6;
    constexpr float kShift[kInstants][2] = {{-.33f, -.17f}, {.17f, -.42f}, {.33f, .17f}, {-.17f, .42f}, {.0f, .0f}, {.42f, -.08f}};
    auto &sum = buffers.sum, &pixels = buffers.pixels;
    sum.assign(pixel_count() * 3, 0.0f);
    for (int i = 0; i < kInstants; ++i) {
      set_instant(buffers.open, time_s + shutter_s * ((i + 0.5) / kInstants - 0.5));
      buffers.open_depth.draw(buffers.open.list, config.width, config.height, 1, kShift[i][0], kShift[i][1]);
      paint(pixels, buffers.open, buffers.open_depth, shadow_mask);
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += pixels[k] * (1.0f / kInstants);
    }
    std::swap(sum, pixels);
  }

  std::size_t pixel_count() const { return static_cast<std::size_t>(config.width) * static_cast<std::size_t>(config.height); }

 private:
  Mesh no_mesh_;
};

// Some garments take their print from a piece of the photograph: texture as real cameras see it.
static void dress_in_photograph(std::vector<Material>& materials, const Background& background, std::size_t people,
                                Random& random) {
  for (std::size_t i = 0; i < people; ++i) {
    for (const std::size_t slot : {kMatTop, kMatBottom, kMatCoat}) {
      if (!random.chance(0.35)) continue;
      Material& cloth = materials[i * kPersonMaterials + slot];
      cloth.texture = cut_texture(background, Random(random.next()));
      cloth.pattern = Pattern::kTexture;
    }
  }
}

// How far the people of a clip go from the camera, metres.
static double farthest(const std::vector<Actor>& actors, double seconds) {
  double depth = 4;
  for (const Actor& actor : actors) {
    for (int i = 0; i <= 8; ++i) depth = std::max(depth, -actor.motion.state(seconds * i / 8).z);
  }
  return depth;
}

Scene::Scene(std::unique_ptr<State> state) : state_(std::move(state)) {}
Scene::Scene(Scene&&) noexcept = default;
Scene& Scene::operator=(Scene&&) noexcept = default;
Scene::~Scene() = default;

Scene Scene::make(const SceneConfig& config, std::uint64_t seed, std::int64_t clip) {
  check_scene_config(config);
  const Random clip_random(seed, static_cast<std::uint64_t>(clip));
  const auto stream = [&](Stream part) { return Random(clip_random.state(), part); };
  auto state = std::make_unique<State>();
  state->config = config;
  const Shot shot = draw_shot(config, stream(kShotStream));
  state->camera = shot.camera;
  state->camera_motion = CameraMotion(config.width, config.height, stream(kCameraStream));
  state->actors = draw_actors(config, shot, stream(kActorStream));
  for (Actor& actor : state->actors) {
    if (actor.seat) state->props.push_back(std::move(*actor.seat));
  }
  if (config.occluders) {
    for (Prop& prop : draw_occluders(state->actors, stream(kPropStream))) state->props.push_back(std::move(prop));
  }
  for (const Actor& actor : state->actors)
    state->materials.insert(state->materials.end(), actor.look.materials.begin(), actor.look.materials.end());
  for (const Prop& prop : state->props)
    state->materials.insert(state->materials.end(), prop.materials.begin(), prop.materials.end());
  Random place = stream(kBackgroundStream), cloth = stream(kClothStream);
  const bool photograph = config.backgrounds && !place.chance(0.08);
  state->background = photograph
                          ? photo_background(*config.backgrounds, config.width, config.height, place)
                          : drawn_background(state->camera, farthest(state->actors, config.frames / config.fps) + 1.0, place);
  dress_in_photograph(state->materials, state->background, state->actors.size(), cloth);
  state->light = draw_lighting(state->background.mean, stream(kLightStream));
  Random finish = stream(kFinishStream);
  state->shutter_s = finish.uniform(0.25, 1.2) / config.fps;
  state->noise_seed = finish.next();
  state->finish = draw_finish(config.width, config.height, config.blur, finish);
  return Scene(std::move(state));
}

SynthFrame Scene::frame(int index, Workspace& workspace) const {
  const State& s = *state_;
  Workspace::Buffers& buffers = *workspace.buffers_;
  s.set_frame(buffers, index, 2);
  SynthFrame out;
  out.people = s.annotations(buffers.now, buffers.depth);
  const std::vector<float> shadow = s.shadow(buffers.now, s.time(index));
  buffers.pixels.resize(s.pixel_count() * 3);
  if (s.config.blur)
    s.expose(buffers, s.time(index), shadow);
  else
    s.paint(buffers.pixels, buffers.now, buffers.depth, shadow);
  Finish finish = s.finish;
  if (s.config.focus_loss) {
    const Random focus(s.noise_seed, static_cast<std::uint64_t>(index), kFocusStream);
    finish.defocus_px = std::max(finish.defocus_px, draw_focus_loss(s.config.width, s.config.height, focus));
  }
  out.image = finish_picture(buffers.pixels, s.config.width, s.config.height, finish,
                             Random(s.noise_seed, static_cast<std::uint64_t>(index)).next());
  return out;
}

std::vector<AnnotatedPerson> Scene::people(int index, Workspace& workspace) const {
  state_->set_frame(*workspace.buffers_, index, 2);
  return state_->annotations(workspace.buffers_->now, workspace.buffers_->depth);
}

SynthFrame Scene::frame(int index) const {
  Workspace workspace;
  return frame(index, workspace);
}

std::vector<AnnotatedPerson> Scene::people(int index) const {
  Workspace workspace;
  return people(index, workspace);
}

std::vector<int> Scene::person_mask(int index) const {
  const State& s = *state_;
  Workspace workspace;
  s.set_frame(*workspace.buffers_, index, 1);
  const auto& triangles = workspace.buffers_->now.list.triangles;
  std::vector<int> mask;
  mask.reserve(s.pixel_count());
  for (int y = 0; y < s.config.height; ++y) {
    for (int x = 0; x < s.config.width; ++x) {
      const std::uint32_t triangle = workspace.buffers_->depth.triangle(x, y);
      const std::uint16_t person = triangle ? triangles[triangle - 1].person : kNoPerson;
      mask.push_back(person == kNoPerson ? -1 : person);
    }
  }
  return mask;
}

int Scene::person_count() const { return static_cast<int>(state_->actors.size()); }

}  // namespace vepe::synth
