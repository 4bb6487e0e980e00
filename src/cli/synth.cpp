#include "cli/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "cli/options.h"
#include "core/error.h"
#include "core/progress.h"
#include "synth/background.h"
#include "synth/dataset_writer.h"

namespace vepe::cli {
namespace {

struct Arguments {
  synth::DatasetOptions dataset;
  std::string folder, size = "384x288", people = "2:8", people_height = "0.28:0.88", backgrounds;
  bool no_video = false;
  CommonOptions common;
};

// "384x288", "2:8" or "0.3:0.9".
template <typename Number>
std::pair<Number, Number> parse_pair(const std::string& text, char separator, const char* option, const char* example) {
  const auto middle = text.find(separator);
  Number first = 0, second = 0;
  const auto number = [](const char* begin, const char* end, Number& value) {
    const auto result = std::from_chars(begin, end, value);
    return begin != end && result.ec == std::errc() && result.ptr == end;
  };
  const char *begin = text.data(), *end = begin + text.size();
  if (middle == std::string::npos || !number(begin, begin + middle, first) || !number(begin + middle + 1, end, second)) {
    throw Error(ErrorCode::kUsage, option, "cannot read " + text, std::string("write it as in ") + option + " " + example);
  }
  return {first, second};
}

void run(Arguments a) {
  apply_common_options(a.common);
  const ProgressStyle style = a.common.quiet ? ProgressStyle::kNone : progress_style(a.common.progress);
  auto& scene = a.dataset.scene;
  std::tie(scene.width, scene.height) = parse_pair<int>(a.size, 'x', "--size", "384x288");
  std::tie(scene.min_people, scene.max_people) = parse_pair<int>(a.people, ':', "--people", "2:8");
  std::tie(scene.min_height, scene.max_height) = parse_pair<double>(a.people_height, ':', "--people-height", "0.3:0.9");
  a.dataset.folder = a.folder;
  a.dataset.videos = !a.no_video;
  a.dataset.threads = a.common.threads > 0 ? a.common.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  a.dataset.backgrounds_name = a.backgrounds;
  synth::check_scene_config(scene);
  if (!a.backgrounds.empty()) scene.backgrounds = std::make_shared<synth::BackgroundLibrary>(a.backgrounds);
  Progress progress(style, "synth", "frames", static_cast<std::int64_t>(a.dataset.clips) * scene.frames);
  std::int64_t done = 0;
  const auto reports = synth::write_dataset(a.dataset, [&] { progress.update(++done); });
  progress.finish();
  for (const auto& report : reports) {
    std::cout << fmt::format("{} frames {} persons {} annotations {:016x}\n", report.name, report.frames, report.persons,
                             report.annotation_hash);
  }
}

}  // namespace

void add_synth_command(CLI::App& app) {
  const auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("synth", "Make videos of synthetic people with exact joints, visibility and track ids");
  command->add_option("-o,--output", a->folder, "Folder of the data set (PoseTrack18 layout)")->required();
  command->add_option("--clips", a->dataset.clips, "Number of videos")->capture_default_str();
  command->add_option("--frames", a->dataset.scene.frames, "Frames of each video")->capture_default_str();
  command->add_option("--size", a->size, "Width and height in pixels, as WxH")->capture_default_str();
  command->add_option("--fps", a->dataset.scene.fps, "Frames a second")->capture_default_str();
  command->add_option("--seed", a->dataset.seed, "The same seed gives the same clips at any number of threads")
      ->capture_default_str();
  command->add_option("--people", a->people, "Least and most people in a video, as LOW:HIGH")->capture_default_str();
  command
      ->add_option("--people-height", a->people_height,
                   "Size that people of a clip are drawn around, over the picture's height, as LOW:HIGH from 0.05 to 2")
      ->capture_default_str();
  command->add_flag("--blur", a->dataset.scene.blur, "Motion blur and defocus");
  command->add_flag("--focus-loss", a->dataset.scene.focus_loss, "One frame in three is out of focus");
  command->add_flag("--occluders", a->dataset.scene.occluders, "Poles, cars, bushes and the like in front of people");
  command->add_flag("--camera-motion", a->dataset.scene.camera_motion, "Pan, zoom, roll and hand shake");
  command->add_option("--backgrounds", a->backgrounds, "Folder of photographs to put the people into (default: drawn places)");
  command->add_flag("--images", a->dataset.images, "Also write JPEG frames and one COCO file over all clips");
  command->add_flag("--no-video", a->no_video, "Do not write MP4 files");
  command->add_flag("--overwrite", a->dataset.overwrite, "Replace clips of other settings in the folder");
  add_common_options(*command, a->common);
  command->footer("Example: vepe synth -o synth --clips 20 --frames 60 --size 384x288 --seed 1 --people 2:8 --blur --occluders");
  command->callback([a] { run(*a); });
}

}  // namespace vepe::cli
