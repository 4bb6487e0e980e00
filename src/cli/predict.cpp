#include "cli/predict.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "cli/default_model.h"
#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/progress.h"
#include "formats/coco.h"
#include "formats/joints.h"
#include "infer/predictor.h"

namespace vepe::cli {
namespace {

struct Arguments {
  CommonOptions common;
  std::vector<std::string> sources;
  std::string output, model, precision = "auto", temporal = "auto", save = "video,jsonl", frames, images_from, similarity_frames;
  int size = 0, max_people = 20;
  std::optional<double> threshold;  // default: by the kind of source
  double alpha = infer::TrackerOptions{}.alpha, colour = infer::TrackerOptions{}.colour;
  bool save_embeddings = false;
};

struct Save {
  bool video = false, coco_results = false, similarity = false;
  std::vector<formats::Format> formats;
};

Save parse_save(const std::string& text) {
  static const std::map<std::string, formats::Format> kFormats = {{"jsonl", formats::Format::kJsonLines},
                                                                  {"posetrack", formats::Format::kPoseTrack18},
                                                                  {"csv", formats::Format::kCsv},
                                                                  {"mot", formats::Format::kMot}};
  Save save;
  std::stringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    if (item == "video") {
      save.video = true;
    } else if (item == "similarity") {
      save.similarity = true;
    } else if (item == "coco") {
      save.coco_results = true;
    } else if (const auto found = kFormats.find(item); found != kFormats.end()) {
      save.formats.push_back(found->second);
    } else {
      throw Error(ErrorCode::kUsage, "--save", "unknown output " + item,
                  "use a list of video, jsonl, posetrack, coco, csv, mot, similarity");
    }
  }
  return save;
}

// "A:B", two frame numbers.
std::optional<std::pair<std::int64_t, std::int64_t>> parse_frame_pair(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto number = [&](const std::string& part) {
    const bool digits = !part.empty() && part.size() <= 12 &&
                        std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); });
    if (!digits)
      throw Error(ErrorCode::kUsage, "--similarity-frames", "cannot read " + text, "write A:B, two frame numbers from 0");
    return std::stoll(part);
  };
  const auto colon = text.find(':');
  const std::pair<std::int64_t, std::int64_t> frames{number(text.substr(0, colon)),
                                                     number(colon == std::string::npos ? "" : text.substr(colon + 1))};
  if (frames.first >= frames.second)
    throw Error(ErrorCode::kUsage, "--similarity-frames", "the second frame must be a later one", "write A:B with A < B");
  return frames;
}

// Image ids of an annotation file by file name.
std::map<std::string, std::int64_t> image_ids(const std::string& path) {
  std::map<std::string, std::int64_t> ids;
  if (path.empty()) return ids;
  for (const formats::Frame& frame : formats::read_coco(path).poses.frames) {
    ids[std::filesystem::path(frame.file_name).filename().string()] = frame.image_id;
  }
  return ids;
}

// An all-digit file name is its image id, as COCO names its pictures.
std::optional<std::int64_t> id_of(const std::filesystem::path& picture, const std::map<std::string, std::int64_t>& ids) {
  if (const auto found = ids.find(picture.filename().string()); found != ids.end()) return found->second;
  if (!ids.empty()) return std::nullopt;
  const std::string stem = picture.stem().string();
  if (stem.empty() || stem.size() > 18 || !std::all_of(stem.begin(), stem.end(), [](unsigned char c) { return std::isdigit(c); }))
    return std::nullopt;
  return std::stoll(stem);
}

class Predict {
 public:
  explicit Predict(const Arguments& arguments) : arguments_(arguments), save_(parse_save(arguments.save)) {
    if (arguments.output.empty()) throw Error(ErrorCode::kUsage, "predict", "no output folder given", "pass -o DIR");
    options_.output = arguments.output;
    options_.save_video = save_.video;
    options_.formats = save_.formats;
    options_.alpha = arguments.alpha;
    options_.colour = arguments.colour;
    options_.save_embeddings = arguments.save_embeddings;
    options_.save_similarity = save_.similarity;
    options_.similarity_frames = parse_frame_pair(arguments.similarity_frames);
    if (arguments.save_embeddings && std::count(save_.formats.begin(), save_.formats.end(), formats::Format::kJsonLines) == 0) {
      throw Error(ErrorCode::kUsage, "--save-embeddings", "only JSON Lines hold embeddings", "add jsonl to --save");
    }
    if (options_.similarity_frames && !save_.similarity) {
      throw Error(ErrorCode::kUsage, "--similarity-frames", "no similarity picture was asked for", "add similarity to --save");
    }
    if (!arguments.frames.empty()) options_.range = video::parse_frame_range(arguments.frames);
    style_ = arguments.common.quiet ? ProgressStyle::kNone : progress_style(arguments.common.progress);
  }

  // Predicts on every source; those that fail are reported and the rest still runs. Returns the worst exit status.
  int operator()() {
    make_output_folder(arguments_.output);
    const bool pictures_apart = save_.coco_results || !arguments_.images_from.empty();
    const video::Expansion expansion = video::expand_sources(arguments_.sources, pictures_apart);
    for (const Error& error : expansion.errors) report(error);
    if (expansion.sources.empty()) return status_;

    infer::EngineOptions engine_options;
    engine_options.model = arguments_.model.empty() ? default_model() : std::filesystem::path(arguments_.model);
    engine_options.size = arguments_.size;
    engine_options.precision = infer::parse_precision(arguments_.precision);
    // Pictures are few and want every hundredth; a video wants speed.
    const bool only_pictures = std::all_of(expansion.sources.begin(), expansion.sources.end(),
                                           [](const video::Source& source) { return source.kind == video::SourceKind::kPicture; });
    if (engine_options.precision == infer::Precision::kAuto && only_pictures) engine_options.precision = infer::Precision::kFp32;
    engine_options.temporal = infer::parse_temporal_use(arguments_.temporal);
    options_.temporal_pictures = engine_options.temporal == infer::TemporalUse::kOn;
    engine_options.max_people = arguments_.max_people;
    // Tracks may go on below the threshold; COCO's AP wants the tail as well.
    engine_options.threshold =
        save_.coco_results ? 0.0 : infer::kKeepShare * arguments_.threshold.value_or(infer::kDefaultVideoThreshold);
    infer::Engine engine(engine_options);
    if ((save_.similarity || arguments_.save_embeddings) && !engine.has_embeddings()) {
      throw Error(ErrorCode::kUsage, save_.similarity ? "--save similarity" : "--save-embeddings",
                  engine_options.model.string() + (engine_options.temporal == infer::TemporalUse::kOff
                                                       ? " is used without its instance queries"
                                                       : " has no instance queries"),
                  "use a model with a temporal phase and icm = true, and not --temporal off");
    }

    if (save_.coco_results) open_coco(engine);
    for (const video::Source& source : expansion.sources) {
      if (interrupted()) break;
      try {
        if (save_.coco_results && source.kind == video::SourceKind::kPicture) {
          picture_to_coco(engine, source);
        } else {
          run(engine, source);
        }
      } catch (const Error& error) {
        report(error);
        if (error.code() == ErrorCode::kOutput) break;  // the next one would fail alike
      }
    }
    if (coco_) coco_->close();
    if (interrupted()) status_ = static_cast<int>(ErrorCode::kInterrupted);
    return status_;
  }

 private:
  void report(const Error& error) {
    std::cerr << "vepe: " << error.what() << "\n";
    status_ = std::max(status_, error.exit_status());
  }

  double threshold(const video::Source& source) const {
    return arguments_.threshold.value_or(source.kind == video::SourceKind::kPicture ? infer::kDefaultThreshold
                                                                                    : infer::kDefaultVideoThreshold);
  }

  void run(infer::Engine& engine, const video::Source& source) {
    options_.threshold = threshold(source);
    std::unique_ptr<Progress> progress;
    const auto result = infer::predict_source(engine, source, options_, [&](std::int64_t done, std::optional<std::int64_t> total) {
      if (!progress) progress = std::make_unique<Progress>(style_, source.name, "frames", total.value_or(0));
      progress->update(done);
    });
    progress.reset();
    if (!result.warning.empty()) spdlog::warn("{}: {}", source.name, result.warning);
    for (const auto& file : result.files) std::cout << file.string() << "\n";
    spdlog::info("{}: {} frames, {} poses, {} tracks", source.name, result.frames, result.people, result.tracks);
  }

  void open_coco(const infer::Engine& engine) {
    ids_ = image_ids(arguments_.images_from);
    formats::WriterOptions writing;
    writing.joint_names = formats::find_joint_set(engine.joint_set())->names;
    coco_ = formats::open_writer(formats::Format::kCocoResults, std::filesystem::path(arguments_.output) / "coco_results.json",
                                 writing);
  }

  void picture_to_coco(infer::Engine& engine, const video::Source& source) {
    const auto id = id_of(source.pictures.front(), ids_);
    if (!id) {
      throw Error(ErrorCode::kInput, source.name, "has no image id",
                  "name its annotation file with --images-from, or give it a number as its name");
    }
    video::Image image = video::read_image(source.pictures.front());
    infer::Stream stream(engine, options_.temporal_pictures);
    video::Frame whole;
    whole.image = image;
    auto ready = stream.push(std::move(whole));
    for (infer::Estimate& estimate : stream.flush()) ready.push_back(std::move(estimate));
    const std::vector<infer::Pose>& poses = ready.front().poses;
    formats::Frame frame = infer::to_frame(poses, {}, *id, 0, image.width, image.height);
    frame.image_id = *id;
    coco_->write(frame);
    if (save_.video) {
      std::vector<infer::Pose> shown;
      for (const infer::Pose& pose : poses) {
        if (pose.score >= static_cast<float>(threshold(source))) shown.push_back(pose);
      }
      infer::draw_poses(image, shown, {}, engine.joint_set());
      video::write_image(std::filesystem::path(arguments_.output) / (source.stem + ".jpg"), image);
    }
  }

  const Arguments& arguments_;
  Save save_;
  infer::PredictOptions options_;
  ProgressStyle style_;
  std::map<std::string, std::int64_t> ids_;
  std::unique_ptr<formats::PredictionWriter> coco_;
  int status_ = 0;
};

}  // namespace

void add_predict_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("predict", "Find people's poses and tracks in pictures and videos");
  command->footer("Example: vepe predict clip.mp4 -o out --save video,jsonl,mot");
  command->add_option("source", arguments->sources, "Picture, video, folder, glob, @list.txt, - (pipe), camera or rtsp:// address")
      ->required();
  command->add_option("-o,--output", arguments->output, "Folder for the results");
  command->add_option("-m,--model", arguments->model, "Model file (default: the shipped vepe-tiny)");
  command->add_option("--size", arguments->size, "Long side of the network input in pixels (0: as the model says)")
      ->check(CLI::Range(0, 8192));
  command->add_option("--save", arguments->save,
                      "List of video, jsonl, posetrack, coco, csv, mot, similarity (who looks like whom in two frames)");
  command->add_option("--frames", arguments->frames, "Frames A:B:S, counted from 0");
  command
      ->add_option("--threshold", arguments->threshold,
                   fmt::format("Poses with a lower score are left out ({} for pictures, {} in video)", infer::kDefaultThreshold,
                               infer::kDefaultVideoThreshold))
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--max-people", arguments->max_people, "People in a frame at most")->check(CLI::Range(1, 5000));
  command->add_option("--images-from", arguments->images_from, "COCO annotations that give the pictures' ids, for --save coco");
  command->add_option("--precision", arguments->precision,
                      "auto (bf16 for video where the processor has it, else fp32), fp32 or bf16");
  command->add_option("--temporal", arguments->temporal,
                      "Temporal phase: auto (where the model has one; single pictures without), on or off");
  command->add_option("--alpha", arguments->alpha, "Share of the look, against motion, in linking people to tracks")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--colour", arguments->colour, "Weight of the colours of clothes in linking people to tracks; 0: not looked at")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--save-embeddings", arguments->save_embeddings, "Add each person's instance embedding to the JSON Lines");
  command->add_option("--similarity-frames", arguments->similarity_frames,
                      "The two frames A:B of --save similarity (default: the first two that suit)");
  add_common_options(*command, arguments->common);
  command->callback([arguments] {
    apply_common_options(arguments->common);
    const int status = Predict(*arguments)();
    if (status != 0) throw CLI::RuntimeError(status);  // every problem has been reported
  });
}

}  // namespace vepe::cli
