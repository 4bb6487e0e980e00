#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "formats/pose_data.h"
#include "video/image.h"

namespace vepe::synth {

class BackgroundLibrary;

// What clips to make. The same config and seed give the same clips, whatever the threads and the order of frames.
struct SceneConfig {
  int width = 384, height = 288;       // pixels, 16 to 8192 each
  int frames = 60;                     // length of a clip; people are placed so that they do not collide within it
  double fps = 25;                     // frames a second, 1 to 240
  int min_people = 2, max_people = 8;  // 0 to 64
  // Height of a standing adult over the picture's, for most people of a clip; one clip in eight is a close-up whatever these say.
  double min_height = 0.28, max_height = 0.88;
  bool blur = false;                                     // motion blur, sometimes defocus
  bool focus_loss = false;                               // one frame in three out of focus, its neighbours as they were
  bool occluders = false;                                // things in front of people
  bool camera_motion = false;                            // pan, zoom, roll and hand shake
  std::shared_ptr<const BackgroundLibrary> backgrounds;  // photographs; without them places are drawn
};

// Throws Error(kUsage) naming the option that is out of range.
void check_scene_config(const SceneConfig& config);

// One person in one frame, exact. Coordinates are continuous pixels, (0, 0) the picture's upper left corner, pixel
// centres at + 0.5. Visibility as in COCO: 2 seen, 1 hidden (by somebody, something or the own body), 0 outside the
// picture (x = y = 0, not present).
struct AnnotatedPerson {
  std::int64_t track_id = 0;                 // the same through the clip
  std::vector<formats::Keypoint> coco;       // [17] order of formats::coco17()
  std::vector<formats::Keypoint> posetrack;  // [17] slots of formats::posetrack18(), the ears absent
  formats::Box box;                          // of the whole body and its clothes, cut at the picture's border
  formats::Box head_box;                     // of the skull, not cut
  double visible_area = 0;                   // pixels of this person that can be seen
};

struct SynthFrame {
  video::Image image;
  std::vector<AnnotatedPerson> people;
};

// Buffers that rendering keeps between frames; one for each thread. Fresh memory costs as much as the drawing.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;

 private:
  friend class Scene;
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

// One clip: people, their motion, camera, light and background, all drawn from (seed, clip).
class Scene {
 public:
  // Throws Error(kUsage) for a bad config and Error(kInput) for a background that cannot be read.
  static Scene make(const SceneConfig& config, std::uint64_t seed, std::int64_t clip);
  Scene(Scene&&) noexcept;
  Scene& operator=(Scene&&) noexcept;
  ~Scene();

  // Frame `index` (from 0; more than `frames` goes on in time). Pure: may be called from any thread in any order.
  SynthFrame frame(int index, Workspace& workspace) const;
  SynthFrame frame(int index) const;
  // The annotations alone, without shading: the same as those of `frame`.
  std::vector<AnnotatedPerson> people(int index, Workspace& workspace) const;
  std::vector<AnnotatedPerson> people(int index) const;
  // For each pixel the index of the person seen at its centre in order of track id, or -1; [height * width].
  std::vector<int> person_mask(int index) const;
  int person_count() const;  // people of the clip, also those who are not in every frame

 private:
  struct State;
  explicit Scene(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vepe::synth
