#include "cli/track.h"

#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "formats/jsonl.h"
#include "formats/prediction_writer.h"
#include "infer/relink.h"
#include "video/reader.h"
#include "video/source.h"

namespace vepe::cli {
namespace {

struct Arguments {
  std::string poses, output, video, save = "jsonl";
  infer::TrackerOptions tracking;
  bool quiet = false;
};

std::vector<formats::Format> parse_save(const std::string& text) {
  static const std::map<std::string, formats::Format> kFormats = {{"jsonl", formats::Format::kJsonLines},
                                                                  {"posetrack", formats::Format::kPoseTrack18},
                                                                  {"csv", formats::Format::kCsv},
                                                                  {"mot", formats::Format::kMot}};
  std::vector<formats::Format> save;
  std::stringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    const auto found = kFormats.find(item);
    if (found == kFormats.end())
      throw Error(ErrorCode::kUsage, "--save", "unknown output " + item, "use a list of jsonl, posetrack, csv, mot");
    save.push_back(found->second);
  }
  return save;
}

video::VideoReader open_video(const std::string& name) {
  const video::Expansion found = video::expand_sources({name});
  if (!found.errors.empty()) throw found.errors.front();
  if (found.sources.size() != 1) throw Error(ErrorCode::kUsage, "--video", name + " is not one video", "name one");
  const video::Source& source = found.sources.front();
  const video::ReaderOptions options{.threads = 1};
  return source.pictures.empty() ? video::VideoReader(source.name, options) : video::VideoReader(source.pictures, options);
}

void run(const Arguments& arguments) {
  namespace fs = std::filesystem;
  set_log_level(arguments.quiet ? "warning" : "info");
  if (arguments.output.empty()) throw Error(ErrorCode::kUsage, "track", "no output folder given", "pass -o DIR");
  const std::vector<formats::Format> save = parse_save(arguments.save);
  formats::Sequence sequence = formats::read_jsonl(arguments.poses);
  infer::RelinkReport report;
  std::optional<video::VideoReader> reader;
  video::Frame picture;
  bool going = false;
  infer::Pictures pictures;
  if (!arguments.video.empty()) {
    reader.emplace(open_video(arguments.video));
    going = reader->read(picture);
    pictures = [&](const formats::Frame& frame) -> const video::Image* {
      while (going && picture.index < frame.index) going = reader->read(picture);
      if (!going || picture.index != frame.index) return nullptr;
      if (frame.width > 0 && (picture.image.width != frame.width || picture.image.height != frame.height)) {
        throw Error(ErrorCode::kInput, arguments.video, "its frames have another size than those of the poses",
                    "name the video that the poses come from");
      }
      return &picture.image;
    };
  }
  try {
    report = infer::relink(sequence, arguments.tracking, pictures);
  } catch (const Error& error) {
    throw error.at(arguments.poses);
  }
  if (reader && !going) spdlog::warn("{}: ends before the poses do; without colours from there on", arguments.video);
  if (report.people > 0 && report.embeddings == 0) {
    spdlog::warn("{}: no embeddings, so motion and pose alone decide (predict --save-embeddings writes them)", arguments.poses);
  } else if (report.embeddings < report.people) {
    spdlog::warn("{}: {} of {} people have no embedding; motion and pose alone decide for them", arguments.poses,
                 report.people - report.embeddings, report.people);
  }

  make_output_folder(arguments.output);
  for (const formats::Format format : save) {
    formats::WriterOptions writing;
    writing.sequence_name = sequence.name;
    writing.joint_names = sequence.joint_names;
    const fs::path path = formats::prediction_path(arguments.output, sequence.name, format);
    std::error_code ignored;
    if (fs::equivalent(arguments.poses, path, ignored)) {
      throw Error(ErrorCode::kUsage, path.string(), "input and output are the same file", "give another output folder");
    }
    const auto writer = formats::open_writer(format, path, writing);
    for (const formats::Frame& frame : sequence.frames) writer->write(frame);
    writer->close();
    std::cout << path.string() << "\n";
  }
  spdlog::info("{}: {} frames, {} poses, {} tracks", arguments.poses, report.frames, report.people, report.tracks);
}

}  // namespace

void add_track_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  infer::TrackerOptions& tracking = arguments->tracking;
  CLI::App* command = app.add_subcommand("track", "Link saved poses to tracks anew");
  command->footer("Example: vepe track out/clip.jsonl -o linked --alpha 0.7 --save jsonl,mot");
  command->add_option("poses", arguments->poses, "JSON Lines of predict; with --save-embeddings the look of people counts")
      ->required();
  command->add_option("-o,--output", arguments->output, "Folder for the results");
  command->add_option("--save", arguments->save, "List of jsonl, posetrack, csv, mot");
  command->add_option("--alpha", tracking.alpha, "Share of the look, against motion, in linking people to tracks")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--video", arguments->video, "The video of the poses; with it the colours of clothes count");
  command->add_option("--colour", tracking.colour, "Weight of the colours of clothes in linking people to tracks, with --video")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--threshold", tracking.start_threshold,
                   "Poses with a lower score start no track; those of half of it continue one")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--max-missed", tracking.max_missed, "Frames that a track outlives without a pose")
      ->check(CLI::Range(0, 100000));
  command->add_flag("-q,--quiet", arguments->quiet, "Warnings and errors only");
  command->callback([arguments] {
    arguments->tracking.keep_threshold = infer::kKeepShare * arguments->tracking.start_threshold;
    run(*arguments);
  });
}

}  // namespace vepe::cli
