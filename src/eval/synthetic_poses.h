#pragma once

// Made-up tracked people and predictions for tests and benchmarks of this folder.

#include <string>
#include <utility>

#include "core/random.h"
#include "formats/joints.h"
#include "formats/pose_data.h"

namespace vepe::eval {

struct SyntheticOptions {
  int frames = 10, persons = 4;
  double noise = 0.3;          // of predicted joints, in head sizes
  double missing_joint = 0.1;  // chance that a joint is absent, on both sides
  double missed_person = 0.1, invented_person = 0.1;
  double identity_switch = 0.05;
  double empty_frame = 0;    // chance that a frame has no predictions
  double ignore_region = 0;  // chance of a region in a frame
  double crowding = 1;       // 1 = people may overlap, 0 = far apart
};

inline formats::Person synthetic_person(Random& random, double x, double y, double size, double missing_joint) {
  static constexpr double kX[] = {-.15, -.13, -.1, .1, .13, .15, -.3, -.27, -.2, .2, .27, .3, 0, .02, 0};
  static constexpr double kY[] = {1, .75, .5, .5, .75, 1, .45, .3, .1, .1, .3, .45, 0, -.08, -.18};
  formats::Person person;
  for (int j = 0; j < 15; ++j) {
    formats::Keypoint k;
    k.present = !random.chance(missing_joint);
    if (k.present) {
      k.x = x + size * (kX[j] + random.uniform(-.03, .03));
      k.y = y + size * (kY[j] + random.uniform(-.03, .03));
      k.visibility = 1;
    }
    person.keypoints.push_back(k);
  }
  person.head_box = formats::Box{x - .08 * size, y - .18 * size, .16 * size, .2 * size};
  return person;
}

// Joints in the order of formats::posetrack15(); coordinates are positive; all scores differ.
inline std::pair<formats::Sequence, formats::Sequence> synthetic_sequence(std::uint64_t seed, const SyntheticOptions& o) {
  Random random(seed);
  formats::Sequence gt, predictions;
  gt.name = predictions.name = "00" + std::to_string(1000 + seed % 9000) + "_mpii_test";
  gt.joint_names = predictions.joint_names = formats::posetrack15().names;
  struct Track {
    double x, y, vx, vy, size;
    std::int64_t prediction;
  };
  std::vector<Track> tracks;
  const double spread = o.crowding > 0 ? 600 : 0;
  for (int p = 0; p < o.persons; ++p) {
    tracks.push_back({200 + (1 - o.crowding) * 400 * p + random.uniform(0, spread), 200 + random.uniform(0, 200),
                      random.uniform(-4, 4), random.uniform(-2, 2), random.uniform(150, 260), p});
  }
  std::int64_t next_id = o.persons;
  for (int t = 0; t < o.frames; ++t) {
    formats::Frame g, p;
    g.index = p.index = t;
    g.image_id = p.image_id = 10000 + t;
    std::string number = std::to_string(t);
    g.file_name = p.file_name = "images/val/" + gt.name + "/" + std::string(6 - number.size(), '0') + number + ".jpg";
    g.is_labeled = true;
    g.has_ignore_regions = true;
    if (random.chance(o.ignore_region)) {
      const double x = random.uniform(100, 700), y = random.uniform(100, 400);
      g.ignore_regions.push_back({{{x, y}, {x + 150, y + 20}, {x + 120, y + 220}, {x - 10, y + 160}}});
    }
    const bool empty = random.chance(o.empty_frame);
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      Track& track = tracks[i];
      track.x += track.vx;
      track.y += track.vy;
      formats::Person person = synthetic_person(random, track.x, track.y, track.size, o.missing_joint);
      person.track_id = static_cast<std::int64_t>(i);
      if (random.chance(o.identity_switch))
        track.prediction = random.chance(0.5) ? next_id++ : tracks[random.integer(0, o.persons - 1)].prediction;
      bool used = random.chance(o.missed_person) || empty;
      for (const auto& other : p.persons) used |= *other.track_id == track.prediction;
      if (!used) {
        formats::Person guess = person;
        guess.head_box.reset();
        guess.track_id = track.prediction;
        for (auto& k : guess.keypoints) {
          if (random.chance(o.missing_joint)) k = {};
          if (!k.present) continue;
          const double head = .6 * .256 * track.size;
          k.x += random.normal() * o.noise * head;
          k.y += random.normal() * o.noise * head;
          k.score = random.uniform();
          k.present = k.x > 1 && k.y > 1;
          if (!k.present) k = {};
        }
        p.persons.push_back(guess);
      }
      g.persons.push_back(std::move(person));
    }
    if (!empty && random.chance(o.invented_person)) {
      formats::Person guess = synthetic_person(random, random.uniform(200, 800), random.uniform(200, 400), 200, o.missing_joint);
      guess.head_box.reset();
      guess.track_id = next_id++;
      for (auto& k : guess.keypoints) {
        if (k.present) k.score = random.uniform();
      }
      p.persons.push_back(guess);
    }
    gt.frames.push_back(std::move(g));
    predictions.frames.push_back(std::move(p));
  }
  return {std::move(gt), std::move(predictions)};
}

}  // namespace vepe::eval
