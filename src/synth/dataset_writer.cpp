#include "synth/dataset_writer.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "formats/coco.h"
#include "formats/joints.h"
#include "formats/prediction_writer.h"
#include "synth/background.h"
#include "video/writer.h"

namespace vepe::synth {
namespace fs = std::filesystem;
namespace {

constexpr int kFramesPerClipId = 1000000;  // COCO image ids: clip * this + frame, both from 1

double rounded(double value) { return std::round(value * 100) / 100; }

formats::Box rounded(const formats::Box& box) { return {rounded(box.x), rounded(box.y), rounded(box.width), rounded(box.height)}; }

formats::Person to_person(const AnnotatedPerson& from, const std::vector<formats::Keypoint>& keypoints) {
  formats::Person person;
  person.keypoints = keypoints;
  for (formats::Keypoint& keypoint : person.keypoints) keypoint.x = rounded(keypoint.x), keypoint.y = rounded(keypoint.y);
  person.bbox = rounded(from.box);
  person.head_box = rounded(from.head_box);
  person.track_id = from.track_id;
  person.area = rounded(from.visible_area);
  return person;
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3ULL;
  return hash;
}

std::string settings_text(const DatasetOptions& o) {
  nlohmann::ordered_json settings;
  settings["seed"] = o.seed;
  settings["size"] = {o.scene.width, o.scene.height};
  settings["frames"] = o.scene.frames;
  settings["fps"] = o.scene.fps;
  settings["people"] = {o.scene.min_people, o.scene.max_people};
  if (o.scene.min_height != SceneConfig{}.min_height || o.scene.max_height != SceneConfig{}.max_height)
    settings["people_height"] = {o.scene.min_height, o.scene.max_height};
  settings["blur"] = o.scene.blur;
  if (o.scene.focus_loss) settings["focus_loss"] = true;
  settings["occluders"] = o.scene.occluders;
  settings["camera_motion"] = o.scene.camera_motion;
  settings["backgrounds"] = o.backgrounds_name;
  settings["videos"] = o.videos;
  settings["images"] = o.images;
  return settings.dump(1) + "\n";
}

// Clips of other settings must not mix with new ones unseen.
void claim_folder(const DatasetOptions& options) {
  make_output_folder(options.folder);
  const fs::path path = options.folder / "synth.json";
  const std::string settings = settings_text(options);
  std::error_code error;
  if (fs::exists(path, error) && read_file(path) != settings) {
    if (!options.overwrite) {
      throw Error(ErrorCode::kUsage, options.folder.string(), "holds clips of other settings (synth.json)",
                  "name another folder, or pass --overwrite to replace them");
    }
    fs::remove_all(options.folder / "annotations", error);
    fs::remove_all(options.folder / "annotations_coco", error);
    fs::remove_all(options.folder / "videos", error);
    fs::remove_all(options.folder / "images", error);
    fs::remove(options.folder / "annotations_coco.json", error);
  }
  write_file_atomically(path, settings);
  make_output_folder(options.folder / "annotations");
  make_output_folder(options.folder / "annotations_coco");
  if (options.videos) make_output_folder(options.folder / "videos");
}

class ClipMaker {
 public:
  ClipMaker(const DatasetOptions& options, int clip)
      : options_(options),
        clip_(clip),
        name_(fmt::format("{:06}_mpii_synth", clip + 1)),
        posetrack_path_(options.folder / "annotations" / (name_ + ".json")),
        coco_path_(options.folder / "annotations_coco" / (name_ + ".json")) {}

  // The annotations come last, so a clip that has them is whole.
  bool exists() const {
    std::error_code error;
    return fs::exists(posetrack_path_, error) && fs::exists(coco_path_, error);
  }

  ClipReport make(Workspace& workspace, const std::function<void()>& on_frame) {
    const Scene scene = Scene::make(options_.scene, options_.seed, clip_);
    std::optional<video::VideoWriter> video;
    if (options_.videos) {
      video::WriterOptions encoder;
      encoder.fps = options_.scene.fps;
      encoder.threads = 1;
      video.emplace(options_.folder / "videos" / (name_ + ".mp4"), encoder);
    }
    if (options_.images) make_output_folder(options_.folder / "images" / name_);
    const auto posetrack = open_annotations(formats::Format::kPoseTrack18, posetrack_path_, formats::posetrack18());
    const auto coco = open_annotations(formats::Format::kCoco, coco_path_, formats::coco17());
    for (int i = 0; i < options_.scene.frames; ++i) {
      throw_if_interrupted();
      const SynthFrame frame = scene.frame(i, workspace);
      formats::Frame record = frame_record(i);
      for (const auto& person : frame.people) record.persons.push_back(posetrack_person(person));
      posetrack->write(record);
      record.persons.clear();
      record.image_id = static_cast<std::int64_t>(clip_ + 1) * kFramesPerClipId + i + 1;
      for (const auto& person : frame.people) record.persons.push_back(coco_person(person));
      coco->write(record);
      if (video) video->write(frame.image, i / options_.scene.fps);
      if (options_.images) video::write_image(options_.folder / record.file_name, frame.image);
      if (on_frame) on_frame();
    }
    if (video) video->close();
    posetrack->close();
    coco->close();
    return report();
  }

  // From the files, so that a kept clip reports as a new one does.
  ClipReport report() const {
    const std::string posetrack = read_file(posetrack_path_), coco = read_file(coco_path_);
    ClipReport out;
    out.name = name_;
    out.frames = options_.scene.frames;
    for (std::size_t at = coco.find("\"track_id\""); at != std::string::npos; at = coco.find("\"track_id\"", at + 1)) ++out.persons;
    out.annotation_hash = fnv1a(coco, fnv1a(posetrack, 0xcbf29ce484222325ULL));
    return out;
  }

  const fs::path& coco_path() const { return coco_path_; }

 private:
  std::unique_ptr<formats::PredictionWriter> open_annotations(formats::Format format, const fs::path& path,
                                                              const formats::JointSet& joints) const {
    formats::WriterOptions writer;
    writer.sequence_name = name_;
    writer.joint_names = joints.names;
    return formats::open_writer(format, path, writer);
  }

  formats::Frame frame_record(int index) const {
    formats::Frame frame;
    frame.index = index;
    frame.file_name = fmt::format("images/{}/{:06}.jpg", name_, index);
    frame.width = options_.scene.width;
    frame.height = options_.scene.height;
    frame.is_labeled = true;
    return frame;
  }

  const DatasetOptions& options_;
  const int clip_;
  const std::string name_;
  const fs::path posetrack_path_, coco_path_;
};

// One file over all clips, which image data loaders read.
void join_coco(const DatasetOptions& options) {
  formats::WriterOptions writer;
  writer.joint_names = formats::coco17().names;
  writer.description = "synthetic people";
  const auto all = formats::open_writer(formats::Format::kCoco, options.folder / "annotations_coco.json", writer);
  for (int clip = 0; clip < options.clips; ++clip) {
    auto dataset = formats::read_coco(ClipMaker(options, clip).coco_path());
    for (auto& frame : dataset.poses.frames) {
      for (auto& person : frame.persons) person.id.reset();  // numbered anew
      all->write(frame);
    }
  }
  all->close();
}

void check_options(const DatasetOptions& options) {
  check_scene_config(options.scene);
  if (options.clips < 1 || options.clips > 999999)
    throw Error(ErrorCode::kUsage, "--clips", "is " + std::to_string(options.clips), "use 1 to 999999");
  if (options.scene.frames >= kFramesPerClipId)
    throw Error(ErrorCode::kUsage, "--frames", "is too many for one clip", "use fewer than 1000000");
  if (options.threads < 1) throw Error(ErrorCode::kUsage, "--threads", "is " + std::to_string(options.threads), "use 1 or more");
  if (options.folder.empty()) throw Error(ErrorCode::kUsage, "-o", "no folder given", "name the folder to write");
}

}  // namespace

formats::Person posetrack_person(const AnnotatedPerson& person) { return to_person(person, person.posetrack); }
formats::Person coco_person(const AnnotatedPerson& person) { return to_person(person, person.coco); }

std::vector<ClipReport> write_dataset(const DatasetOptions& options, const std::function<void()>& on_frame) {
  check_options(options);
  claim_folder(options);
  std::vector<ClipReport> reports(static_cast<std::size_t>(options.clips));
  std::atomic<int> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto counted = [&] {
    if (!on_frame) return;
    const std::lock_guard lock(mutex);
    on_frame();
  };
  const auto work = [&] {
    Workspace workspace;
    for (int clip = next++; clip < options.clips; clip = next++) {
      try {
        ClipMaker maker(options, clip);
        ClipReport& report = reports[static_cast<std::size_t>(clip)];
        if (maker.exists()) {
          report = maker.report();
          report.kept = true;
          for (int i = 0; i < options.scene.frames; ++i) counted();
        } else {
          report = maker.make(workspace, counted);
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = options.clips;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < std::min(options.threads, options.clips); ++i) threads.emplace_back(work);
  work();
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  if (options.images) join_coco(options);
  return reports;
}

}  // namespace vepe::synth
