#pragma once

#include <optional>
#include <vector>

#include "synth/camera.h"
#include "synth/motion.h"
#include "synth/occluder.h"
#include "synth/person.h"
#include "synth/scene.h"

namespace vepe::synth {

// Somebody in a clip: what they look like, how they move, and what they sit on.
struct Actor {
  Look look;
  Motion motion;
  std::optional<Prop> seat;
};

// Draws how the clip is filmed: from the height of a hand, a shoulder or a lamp post, near or far. `nearness` is the
// height of a standing adult over the picture's height that most people of the clip have.
struct Shot {
  Camera camera;
  double nearness = 0.6;
  double feet_y = 0.9;  // where such a person stands, over the picture's height
};
Shot draw_shot(const SceneConfig& config, Random random);

// Draws the people of a clip and where they go, so that they do not walk through each other.
std::vector<Actor> draw_actors(const SceneConfig& config, const Shot& shot, Random random);

// Things between the camera and some of the people.
std::vector<Prop> draw_occluders(const std::vector<Actor>& actors, Random random);

}  // namespace vepe::synth
