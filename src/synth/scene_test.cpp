#include "synth/scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <thread>

#include "core/error.h"
#include "formats/joints.h"
#include "synth/background.h"

namespace vepe::synth {
namespace {

namespace fs = std::filesystem;

SceneConfig small_config() {
  SceneConfig config;
  config.width = 192;
  config.height = 144;
  config.frames = 20;
  config.min_people = 3;
  config.max_people = 5;
  return config;
}

bool same(const std::vector<formats::Keypoint>& a, const std::vector<formats::Keypoint>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].x != b[i].x || a[i].y != b[i].y || a[i].visibility != b[i].visibility || a[i].present != b[i].present) return false;
  }
  return a.size() == b.size();
}

bool same(const std::vector<AnnotatedPerson>& a, const std::vector<AnnotatedPerson>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].track_id != b[i].track_id || !same(a[i].coco, b[i].coco) || !same(a[i].posetrack, b[i].posetrack)) return false;
    if (a[i].visible_area != b[i].visible_area || a[i].box.width != b[i].box.width) return false;
  }
  return true;
}

double sharpness(const video::Image& image) {
  double sum = 0;
  for (std::size_t i = 3; i < image.pixels.size(); ++i) sum += std::abs(image.pixels[i] - image.pixels[i - 3]);
  return sum / static_cast<double>(image.pixels.size());
}

TEST(Scene, LosesFocusInOneFrameOfThreeAndLeavesTheOthersAndTheLabels) {
  SceneConfig plain = small_config(), losing = plain;
  losing.focus_loss = true;
  int lost = 0;
  for (int clip = 0; clip < 4; ++clip) {
    const Scene a = Scene::make(plain, 3, clip), b = Scene::make(losing, 3, clip);
    for (int i = 0; i < 12; ++i) {
      const SynthFrame sharp = a.frame(i), frame = b.frame(i);
      EXPECT_TRUE(same(sharp.people, frame.people));
      if (sharp.image.pixels == frame.image.pixels) continue;
      ++lost;
      EXPECT_LT(sharpness(frame.image), 0.8 * sharpness(sharp.image));
    }
  }
  EXPECT_GT(lost, 8);  // 16 of 48 expected
  EXPECT_LT(lost, 26);
}

TEST(Scene, IsTheSameInAnyOrderAndFromAnyThread) {
  SceneConfig config = small_config();
  config.blur = config.occluders = config.camera_motion = true;
  const Scene scene = Scene::make(config, 5, 2);
  std::vector<SynthFrame> forward;
  Workspace workspace;
  for (int i = 0; i < 4; ++i) forward.push_back(scene.frame(i, workspace));
  std::vector<SynthFrame> backward(4);
  std::vector<std::thread> threads;
  for (int i = 3; i >= 0; --i)
    threads.emplace_back([&, i] { backward[static_cast<std::size_t>(i)] = Scene::make(config, 5, 2).frame(i); });
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(forward[i].image.pixels, backward[i].image.pixels);
    EXPECT_TRUE(same(forward[i].people, backward[i].people));
    EXPECT_TRUE(same(forward[i].people, scene.people(static_cast<int>(i))));
  }
  EXPECT_NE(forward[0].image.pixels, forward[1].image.pixels);
}

TEST(Scene, OtherClipsAndSeedsDiffer) {
  const SceneConfig config = small_config();
  const auto a = Scene::make(config, 1, 0).frame(0), b = Scene::make(config, 1, 1).frame(0), c = Scene::make(config, 2, 0).frame(0);
  EXPECT_NE(a.image.pixels, b.image.pixels);
  EXPECT_NE(a.image.pixels, c.image.pixels);
}

// Labels against the independently drawn mask: a joint that is seen lies on its person, at the pixel or next to it.
TEST(Scene, VisibleJointsLieInsideTheirPerson) {
  SceneConfig config = small_config();
  config.width = 384;
  config.height = 288;
  config.occluders = config.camera_motion = true;
  int checked = 0, on_person = 0, hidden = 0;
  for (int clip = 0; clip < 12; ++clip) {
    const Scene scene = Scene::make(config, 11, clip);
    const auto mask = scene.person_mask(3);
    const auto at = [&](int x, int y) {
      x = std::clamp(x, 0, config.width - 1), y = std::clamp(y, 0, config.height - 1);
      return mask[static_cast<std::size_t>(y * config.width + x)];
    };
    for (const auto& person : scene.people(3)) {
      for (const auto& joint : person.coco) {
        if (!joint.present) continue;
        hidden += joint.visibility == 1;
        if (joint.visibility != 2) continue;
        ++checked;
        const int x = static_cast<int>(joint.x), y = static_cast<int>(joint.y);
        bool inside = at(x, y) == person.track_id;
        for (int d = -1; d <= 1 && !inside; ++d) inside = at(x + d, y) == person.track_id || at(x, y + d) == person.track_id;
        on_person += inside;
      }
    }
  }
  EXPECT_GT(checked, 200);
  EXPECT_GT(hidden, 30);
  EXPECT_GE(on_person, checked - checked / 200) << "of " << checked;
}

// Putting things in front can hide joints, never show one; positions stay.
TEST(Scene, OccludersHideJointsAndMoveNone) {
  SceneConfig open = small_config();
  open.min_people = open.max_people = 3;
  SceneConfig occluded = open;
  occluded.occluders = true;
  int newly_hidden = 0;
  for (int clip = 0; clip < 20; ++clip) {
    const auto before = Scene::make(open, 3, clip).people(0), after = Scene::make(occluded, 3, clip).people(0);
    for (const auto& person : after) {
      const auto match = std::find_if(before.begin(), before.end(), [&](const auto& p) { return p.track_id == person.track_id; });
      ASSERT_NE(match, before.end());
      for (std::size_t k = 0; k < 17; ++k) {
        EXPECT_EQ(person.coco[k].x, match->coco[k].x);
        EXPECT_LE(person.coco[k].visibility, match->coco[k].visibility);
        newly_hidden += person.coco[k].visibility < match->coco[k].visibility;
      }
      EXPECT_LE(person.visible_area, match->visible_area);
    }
  }
  EXPECT_GT(newly_hidden, 20);
}

// In a crowd the nearer body hides the farther one: the hidden joint's pixel belongs to somebody or something else,
// or to the own body in front of it.
TEST(Scene, JointsBehindOthersAreHidden) {
  SceneConfig config = small_config();
  config.min_people = config.max_people = 8;
  int behind_others = 0;
  for (int clip = 0; clip < 8; ++clip) {
    const Scene scene = Scene::make(config, 21, clip);
    const auto mask = scene.person_mask(0);
    for (const auto& person : scene.people(0)) {
      for (const auto& joint : person.coco) {
        if (!joint.present) continue;
        // Deep inside another person's silhouette: all four neighbours at two pixels.
        const int x = static_cast<int>(joint.x), y = static_cast<int>(joint.y);
        if (x < 2 || y < 2 || x + 2 >= config.width || y + 2 >= config.height) continue;
        const auto at = [&](int dx, int dy) { return mask[static_cast<std::size_t>((y + dy) * config.width + x + dx)]; };
        const int other = at(0, 0);
        if (other < 0 || other == person.track_id || at(2, 0) != other || at(-2, 0) != other || at(0, 2) != other ||
            at(0, -2) != other)
          continue;
        ++behind_others;
        EXPECT_EQ(joint.visibility, 1);
      }
    }
  }
  EXPECT_GT(behind_others, 20);
}

TEST(Scene, TrackIdsAreStableAndMotionIsSmooth) {
  SceneConfig config = small_config();
  config.frames = 40;
  const Scene scene = Scene::make(config, 8, 0);
  std::vector<AnnotatedPerson> previous;
  int pairs = 0;
  for (int i = 0; i < config.frames; ++i) {
    auto people = scene.people(i);
    std::set<std::int64_t> ids;
    for (const auto& person : people) {
      EXPECT_TRUE(ids.insert(person.track_id).second);
      EXPECT_LT(person.track_id, scene.person_count());
      for (const auto& before : previous) {
        if (before.track_id != person.track_id || !before.coco[0].present || !person.coco[0].present) continue;
        ++pairs;
        // A head moves less than 40 cm in 40 ms: less than its person's height over four.
        const double moved = std::hypot(before.coco[0].x - person.coco[0].x, before.coco[0].y - person.coco[0].y);
        EXPECT_LT(moved, std::max(8.0, before.box.height / 4));
      }
    }
    previous = std::move(people);
  }
  EXPECT_GT(pairs, 40);
}

TEST(Scene, BoxesHoldTheJoints) {
  SceneConfig config = small_config();
  config.camera_motion = true;
  for (int clip = 0; clip < 6; ++clip) {
    for (const auto& person : Scene::make(config, 4, clip).people(1)) {
      EXPECT_GT(person.head_box.width, 0);
      EXPECT_GT(person.visible_area, 0);
      EXPECT_LE(person.box.x + person.box.width, config.width);
      for (const auto& joint : person.coco) {
        if (!joint.present) continue;
        EXPECT_GE(joint.x, person.box.x - 0.5);
        EXPECT_LE(joint.x, person.box.x + person.box.width + 0.5);
        EXPECT_GE(joint.y, person.box.y - 0.5);
        EXPECT_LE(joint.y, person.box.y + person.box.height + 0.5);
      }
      const auto& nose = person.coco[0];
      if (nose.present) {
        EXPECT_GE(nose.x, person.head_box.x - 1);
        EXPECT_LE(nose.x, person.head_box.x + person.head_box.width + 1);
      }
    }
  }
}

TEST(Scene, LeftAndRightAreThePersonsOwn) {
  // Whoever shows nose and both eyes looks at the camera, and has the left eye on the right of the picture.
  int seen = 0;
  for (int clip = 0; clip < 20; ++clip) {
    for (const auto& person : Scene::make(small_config(), 6, clip).people(0)) {
      const auto &nose = person.coco[0], &left = person.coco[1], &right = person.coco[2];
      if (nose.visibility != 2 || left.visibility != 2 || right.visibility != 2) continue;
      ++seen;
      EXPECT_GT(left.x, right.x);
    }
  }
  EXPECT_GT(seen, 5);
}

TEST(Scene, PeopleCanBeAbsentAndSizesSmallOrOdd) {
  SceneConfig config = small_config();
  config.min_people = config.max_people = 0;
  config.width = 17;
  config.height = 16;
  config.blur = config.occluders = config.camera_motion = true;
  const auto frame = Scene::make(config, 1, 0).frame(0);
  EXPECT_TRUE(frame.people.empty());
  EXPECT_EQ(frame.image.pixels.size(), 17u * 16u * 3u);
}

struct BadConfig {
  const char* name;
  void (*spoil)(SceneConfig&);
};

TEST(SceneConfig, BadValuesAreNamed) {
  const BadConfig cases[] = {
      {"--size", [](SceneConfig& c) { c.width = 0; }},         {"--size", [](SceneConfig& c) { c.height = 100000; }},
      {"--frames", [](SceneConfig& c) { c.frames = 0; }},      {"--fps", [](SceneConfig& c) { c.fps = 0; }},
      {"--fps", [](SceneConfig& c) { c.fps = NAN; }},          {"--people", [](SceneConfig& c) { c.min_people = 9; }},
      {"--people", [](SceneConfig& c) { c.min_people = -1; }}, {"--people", [](SceneConfig& c) { c.max_people = 65; }}};
  for (const auto& bad : cases) {
    SceneConfig config = small_config();
    bad.spoil(config);
    try {
      Scene::make(config, 1, 0);
      ADD_FAILURE() << bad.name << " accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.where(), bad.name);
    }
  }
}

TEST(BackgroundLibrary, MissingAndEmptyFoldersAreErrors) {
  const fs::path folder = fs::temp_directory_path() / ("vepe_backgrounds_" + std::to_string(::getpid()));
  EXPECT_THROW(BackgroundLibrary{folder}, Error);
  fs::create_directories(folder);
  EXPECT_THROW(BackgroundLibrary{folder}, Error);
  // An image that cannot be read is named when its turn comes.
  std::FILE* file = std::fopen((folder / "broken.jpg").c_str(), "w");
  std::fputs("no image", file);
  std::fclose(file);
  SceneConfig config = small_config();
  config.backgrounds = std::make_shared<BackgroundLibrary>(folder);
  bool named = false;
  for (int clip = 0; clip < 3; ++clip) {
    try {
      Scene::make(config, 1, clip);
    } catch (const Error& error) {
      named = std::string(error.what()).find("broken.jpg") != std::string::npos;
    }
  }
  EXPECT_TRUE(named);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace vepe::synth
