#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "synth/scene.h"

namespace vepe::synth {

// A folder of synthetic clips, laid out as a PoseTrack18 data set. For clip NAME ("000001_mpii_synth", the pattern that
// PoseTrack's kit asks for):
//   annotations/NAME.json       PoseTrack18: 17 slots, boxes, head boxes, track ids
//   annotations_coco/NAME.json  COCO's 17 joints of the same people
//   videos/NAME.mp4             H.264
//   images/NAME/000000.jpg ..   with `images`; then also annotations_coco.json over all clips, for image training
//   synth.json                  the settings, by which a second run knows what it may keep
struct DatasetOptions {
  SceneConfig scene;
  std::filesystem::path folder;
  int clips = 10;
  std::uint64_t seed = 1;
  bool videos = true, images = false;
  int threads = 1;               // clips made at once; the files do not depend on it
  bool overwrite = false;        // replace clips of other settings
  std::string backgrounds_name;  // written to synth.json
};

struct ClipReport {
  std::string name;
  int frames = 0;
  std::int64_t persons = 0;           // annotations over all frames
  std::uint64_t annotation_hash = 0;  // FNV-1a of both annotation files
  bool kept = false;                  // was there already
};

// Makes the clips, `on_frame` after every frame (from any thread, one at a time; it may be empty). Clips that are there
// already are kept. After an interrupt, the finished clips are whole, the others absent. Reports are in clip order.
// Throws Error(kUsage) for bad options, Error(kOutput), and Error(kInterrupted).
std::vector<ClipReport> write_dataset(const DatasetOptions& options, const std::function<void()>& on_frame);

// The person as the formats' writers take it, numbers rounded to 0.01 pixels.
formats::Person posetrack_person(const AnnotatedPerson& person);
formats::Person coco_person(const AnnotatedPerson& person);

}  // namespace vepe::synth
