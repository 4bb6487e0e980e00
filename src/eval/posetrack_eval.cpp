#include "eval/posetrack_eval.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "eval/parallel.h"
#include "eval/worst_frames.h"
#include "formats/csv.h"
#include "formats/jsonl.h"
#include "formats/posetrack.h"

namespace vepe::eval {
namespace {

namespace fs = std::filesystem;

formats::PoseTrackLayout layout_of(PoseProtocol protocol) {
  switch (protocol) {
    case PoseProtocol::kPoseTrack17:
      return formats::PoseTrackLayout::kPoseTrack17;
    case PoseProtocol::kPoseTrack18:
      return formats::PoseTrackLayout::kPoseTrack18;
    case PoseProtocol::kPoseTrack21:
      return formats::PoseTrackLayout::kPoseTrack21;
  }
  return formats::PoseTrackLayout::kPoseTrack18;
}

formats::Sequence read_predictions(const fs::path& path, const formats::ReadOptions& options) {
  if (path.extension() == ".jsonl") return formats::read_jsonl(path, options);
  if (path.extension() == ".csv") return formats::read_csv(path, options);
  return formats::read_posetrack(path, formats::detect_posetrack_layout(path), options);
}

ApRules ap_rules(const PoseEvalOptions& options) {
  if (options.strict_definition) return ApRules::kStrict;
  return options.protocol == PoseProtocol::kPoseTrack21 ? ApRules::kPoseTrack21 : ApRules::kPoseval;
}

PoseMetrics metrics_of(const std::optional<ApSamples>& ap, const std::optional<MotaCounts>& mota,
                       const std::optional<PoseHota>& hota, const PoseEvalOptions& options) {
  PoseMetrics metrics;
  if (ap) metrics.ap = average_precision(*ap, ap_rules(options));
  if (mota) metrics.mota = mota_from_counts(*mota, options.strict_definition);
  metrics.hota = hota;
  return metrics;
}

std::string sequence_name(const fs::path& path) { return path.stem().string(); }

fs::path find_predictions(const fs::path& folder, const std::string& name) {
  for (const char* ending : {".json", ".posetrack.json", ".jsonl", ".csv"}) {
    if (fs::path path = folder / (name + ending); fs::is_regular_file(path)) return path;
  }
  return {};
}

void require_there(const fs::path& path) {
  if (!fs::exists(path)) throw Error(ErrorCode::kInput, path.string(), "no such file or folder", "check the path");
}

SequenceCounts read_and_count(const SequenceFiles& files, const PoseEvalOptions& options) {
  std::vector<formats::Skipped> skipped;
  const formats::ReadOptions read{options.lenient, &skipped, options.threads};
  formats::Sequence gt = formats::read_posetrack(files.gt, layout_of(options.protocol), read);
  gt.name = files.name;
  formats::Sequence predictions = read_predictions(files.predictions, read);
  predictions.name = files.predictions.filename().string();
  SequenceCounts counts = count_sequence(gt, predictions, options);
  counts.skipped.insert(counts.skipped.begin(), skipped.begin(), skipped.end());
  return counts;
}

}  // namespace

PoseProtocol pose_protocol_from_name(const std::string& name) {
  for (auto protocol : {PoseProtocol::kPoseTrack17, PoseProtocol::kPoseTrack18, PoseProtocol::kPoseTrack21}) {
    if (name == name_of(protocol)) return protocol;
  }
  throw Error(ErrorCode::kUsage, "--protocol " + name, "unknown protocol", "use posetrack17, posetrack18 or posetrack21");
}

const char* name_of(PoseProtocol protocol) {
  switch (protocol) {
    case PoseProtocol::kPoseTrack17:
      return "posetrack17";
    case PoseProtocol::kPoseTrack18:
      return "posetrack18";
    case PoseProtocol::kPoseTrack21:
      return "posetrack21";
  }
  return "";
}

SequenceCounts count_sequence(const formats::Sequence& gt, const formats::Sequence& predictions, const PoseEvalOptions& options) {
  SequenceCounts counts{.name = gt.name};
  const bool kit21 = options.protocol == PoseProtocol::kPoseTrack21, strict = options.strict_definition;
  FrameOptions frames{.rules = FrameRules::kPoseval,
                      .need_track_ids = options.mota || options.hota,
                      .strict_definition = strict,
                      .skipped = options.lenient ? &counts.skipped : nullptr};
  std::optional<EvalSequence> poseval, posetrack21;
  if (options.mota || (options.ap && !kit21)) poseval = load_frames(gt, predictions, frames);
  if (options.hota || (options.ap && kit21)) {
    frames.rules = FrameRules::kPoseTrack21;
    frames.need_image_ids = kit21;
    frames.drop_empty_frames = !kit21;
    posetrack21 = load_frames(gt, predictions, frames);
  }
  if (options.ap) {
    const EvalSequence& sequence = kit21 ? *posetrack21 : *poseval;
    counts.ap = collect_ap(sequence, strict, kit21 && !strict && !options.lenient);
    if (options.worst_frames > 0) counts.worst = worst_frames(sequence, gt, options.worst_frames);
  }
  if (options.mota) {
    try {
      counts.mota = count_mota(*poseval, strict);
    } catch (const Error& error) {
      if (!options.lenient) throw;
      counts.skipped.push_back({error.where(), error.message() + "; left out of MOTA"});
    }
  }
  if (options.hota) counts.hota = pose_hota(*posetrack21, strict);
  return counts;
}

PoseEvalResult combine_sequences(std::vector<SequenceCounts> sequences, const PoseEvalOptions& options) {
  std::erase_if(sequences, [](const SequenceCounts& s) { return !s.usable; });
  // Pooled scores are sorted stably, so the order of sequences decides ties: always by name.
  std::stable_sort(sequences.begin(), sequences.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  PoseEvalResult result{.protocol = options.protocol, .strict_definition = options.strict_definition};
  std::optional<ApSamples> ap;
  std::optional<MotaCounts> mota;
  std::vector<PoseHota> hota;
  std::vector<PoseMetrics> metrics(sequences.size());
  parallel_for(sequences.size(), options.threads,
               [&](std::size_t i) { metrics[i] = metrics_of(sequences[i].ap, sequences[i].mota, sequences[i].hota, options); });
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    SequenceCounts& s = sequences[i];
    if (s.ap) (ap ? *ap : ap.emplace()) += *s.ap;
    if (s.mota) (mota ? *mota : mota.emplace()) += *s.mota;
    if (s.hota) hota.push_back(std::move(*s.hota));
    result.sequences.push_back({s.name, std::move(metrics[i]), std::move(s.worst)});
  }
  std::optional<PoseHota> combined;
  if (!hota.empty()) combined = combine_pose_hota(hota, options.strict_definition);
  result.total = metrics_of(ap, mota, combined, options);
  if (ap && options.worst_frames > 0) result.samples = std::move(*ap);
  return result;
}

std::vector<SequenceFiles> pair_sequences(const fs::path& gt, const fs::path& predictions, std::vector<formats::Skipped>* skipped) {
  require_there(gt);
  require_there(predictions);
  if (!fs::is_directory(gt)) {
    if (!fs::is_directory(predictions)) return {{sequence_name(gt), gt, predictions}};
    const fs::path found = find_predictions(predictions, sequence_name(gt));
    if (found.empty())
      throw Error(ErrorCode::kInput, sequence_name(gt), "no predictions in " + predictions.string(),
                  "name the file as the ground truth");
    return {{sequence_name(gt), gt, found}};
  }
  std::vector<SequenceFiles> files;
  for (const auto& entry : fs::directory_iterator(gt)) {
    if (entry.is_regular_file() && entry.path().extension() == ".json")
      files.push_back({sequence_name(entry.path()), entry.path(), {}});
  }
  if (files.empty())
    throw Error(ErrorCode::kInput, gt.string(), "no .json file in this folder",
                "give the folder that holds one JSON file a sequence");
  if (!fs::is_directory(predictions)) {
    throw Error(ErrorCode::kInput, predictions.string(), "is a file, but the ground truth is a folder",
                "give the folder of predictions");
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::set<std::string> names;
  for (auto& f : files) {
    names.insert(f.name);
    f.predictions = find_predictions(predictions, f.name);
    if (!f.predictions.empty()) continue;
    if (!skipped) {
      throw Error(ErrorCode::kInput, f.name, "no predictions for this sequence in " + predictions.string(),
                  "predict it (" + f.name + ".json), or pass --lenient to leave the sequence out");
    }
    skipped->push_back({f.name, "no predictions; sequence left out"});
  }
  std::erase_if(files, [](const SequenceFiles& f) { return f.predictions.empty(); });
  if (files.empty())
    throw Error(ErrorCode::kInput, predictions.string(), "no sequence of " + gt.string() + " has predictions here",
                "name prediction files as the ground truth's");
  return files;
}

PoseEvalResult evaluate_posetrack(const fs::path& gt, const fs::path& predictions, const PoseEvalOptions& options) {
  std::vector<formats::Skipped> skipped;
  const std::vector<SequenceFiles> files = pair_sequences(gt, predictions, options.lenient ? &skipped : nullptr);
  std::vector<SequenceCounts> counts(files.size());
  parallel_for(files.size(), options.threads, [&](std::size_t i) {
    try {
      counts[i] = read_and_count(files[i], options);
    } catch (const Error& error) {
      if (!options.lenient || error.code() != ErrorCode::kInput) throw;
      counts[i].usable = false;
      counts[i].skipped.push_back({error.where(), error.message() + "; sequence left out"});
    }
  });
  // Both rule sets read the same people, so a defect may be listed twice.
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& c : counts) {
    for (const auto& s : c.skipped) {
      if (seen.emplace(s.where, s.message).second) skipped.push_back(s);
    }
  }
  if (std::none_of(counts.begin(), counts.end(), [](const auto& c) { return c.usable; })) {
    throw Error(ErrorCode::kInput, gt.string(),
                "no sequence could be evaluated; first: " + skipped.front().where + ": " + skipped.front().message,
                "run without --lenient for the details");
  }
  PoseEvalResult result = combine_sequences(std::move(counts), options);
  result.skipped = std::move(skipped);
  return result;
}

}  // namespace vepe::eval
