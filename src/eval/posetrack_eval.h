#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/pose_ap.h"
#include "eval/pose_hota.h"
#include "eval/pose_mota.h"
#include "formats/pose_data.h"

namespace vepe::eval {

enum class PoseProtocol { kPoseTrack17, kPoseTrack18, kPoseTrack21 };

// "posetrack17", "posetrack18", "posetrack21". Throws Error(kUsage) for another word.
PoseProtocol pose_protocol_from_name(const std::string& name);
const char* name_of(PoseProtocol protocol);

struct PoseEvalOptions {
  PoseProtocol protocol = PoseProtocol::kPoseTrack18;
  bool ap = true, mota = true, hota = true;
  bool strict_definition = false;  // textbook values where a kit deviates (docs/metrics.md)
  bool lenient = false;            // leave out what cannot be used and list it, instead of throwing
  int threads = 0;                 // 0 = all
  int worst_frames = 0;            // keep so many frames of each sequence for a report
};

// The metrics of one sequence or of all.
struct PoseMetrics {
  std::optional<ApResult> ap;
  std::optional<MotaResult> mota;
  std::optional<PoseHota> hota;
};

// A frame in which joints were missed or invented.
struct WorstFrame {
  std::string file_name;
  int frame = 0;  // index in the file
  int misses = 0, false_positives = 0;
  int width = 0, height = 0;  // 0 = unknown
  std::vector<EvalPerson> gt, predictions;
};

struct SequenceMetrics {
  std::string name;
  PoseMetrics metrics;
  std::vector<WorstFrame> worst;  // worst first
};

struct PoseEvalResult {
  PoseProtocol protocol{};
  bool strict_definition = false;
  PoseMetrics total;
  std::vector<SequenceMetrics> sequences;  // by name
  std::vector<formats::Skipped> skipped;   // lenient runs
  ApSamples samples;                       // of all sequences; with worst_frames, for score histograms
};

// What one sequence contributes; combine_sequences() makes the totals.
struct SequenceCounts {
  std::string name;
  bool usable = true;  // false: left out by a lenient run
  std::optional<ApSamples> ap;
  std::optional<MotaCounts> mota;
  std::optional<PoseHota> hota;
  std::vector<WorstFrame> worst;
  std::vector<formats::Skipped> skipped;
};

SequenceCounts count_sequence(const formats::Sequence& gt, const formats::Sequence& predictions, const PoseEvalOptions& options);
PoseEvalResult combine_sequences(std::vector<SequenceCounts> sequences, const PoseEvalOptions& options);

// A ground-truth file and its predictions.
struct SequenceFiles {
  std::string name;
  std::filesystem::path gt, predictions;
};

// Pairs <name>.json of a folder with <name>.json, .posetrack.json, .jsonl or .csv of another; also takes two files.
// Throws Error(kInput) when a sequence has no predictions; with `skipped` it is left out and listed.
std::vector<SequenceFiles> pair_sequences(const std::filesystem::path& gt, const std::filesystem::path& predictions,
                                          std::vector<formats::Skipped>* skipped = nullptr);

// Reads and evaluates; one sequence at a time on each thread.
PoseEvalResult evaluate_posetrack(const std::filesystem::path& gt, const std::filesystem::path& predictions,
                                  const PoseEvalOptions& options);

}  // namespace vepe::eval
