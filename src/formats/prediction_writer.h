#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pose_data.h"

namespace vepe::formats {

enum class Format { kPoseTrack17, kPoseTrack18, kPoseTrack21, kCoco, kCocoResults, kJsonLines, kCsv, kMot };

// "posetrack17", "posetrack18", "posetrack21", "coco", "coco-results", "jsonl", "csv", "mot".
std::string_view format_name(Format format);
Format parse_format(std::string_view name);  // throws Error(kUsage) with the list
const std::vector<Format>& all_formats();

// ".jsonl", ".posetrack.json", ".csv", ".mot.txt", "coco_results.json": what `predict` appends to the stem of a video
// (`coco_results.json` is the whole name).
std::filesystem::path prediction_path(const std::filesystem::path& folder, std::string_view stem, Format format);

struct WriterOptions {
  std::string description, bystanders;   // COCO's `info`; left out when empty
  std::string sequence_name;             // PoseTrack: "000101_mpii_test"; used for file names that frames lack
  std::vector<std::string> joint_names;  // order of the keypoints that come in; converted to what the format has
  std::string output_joints;             // id of a JointSet; empty: 17 -> posetrack15, 18 and 21 -> posetrack18, coco-results ->
                                         // coco17 when PoseTrack's joints come in, all others: as they come in
  int coordinate_decimals = -1;          // digits after the point; -1: the shortest text that reads back exactly
  int score_decimals = -1;
};

// Writes one file frame by frame; memory does not grow with the number of frames. Nothing stands under `path` until
// `close`, which renames a complete, valid file into place; a writer that is destroyed without `close` leaves the old
// file or none. On Ctrl-C call `close`: the file then holds the frames written so far. Not thread-safe.
class PredictionWriter {
 public:
  virtual ~PredictionWriter() = default;
  virtual void write(const Frame& frame) = 0;  // throws Error(kOutput); Error(kUsage) for a pose of another size
  virtual void close() = 0;                    // throws Error(kOutput)
};

// Throws Error(kOutput) when `path` cannot be written, Error(kUsage) when the joints cannot be told to the format.
std::unique_ptr<PredictionWriter> open_writer(Format format, const std::filesystem::path& path, const WriterOptions& options);

}  // namespace vepe::formats
