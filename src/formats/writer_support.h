#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/joints.h"
#include "formats/prediction_writer.h"

namespace vepe::formats {

// Inside formats/ only: what the writers share.

// Brings poses from the order that comes in to the one that a format holds.
class JointConverter {
 public:
  // `wanted` null: as they come in. Throws Error(kUsage) when no joint of `from` is in `wanted`.
  JointConverter(std::vector<std::string> from, const JointSet* wanted);

  const std::vector<std::string>& names() const { return names_; }
  // A reference to `keypoints` or to a member that the next call overwrites. Empty stays empty.
  const std::vector<Keypoint>& convert(const std::vector<Keypoint>& keypoints);

 private:
  std::vector<std::string> from_, names_;
  std::vector<int> map_;
  const JointSet* coco_ = nullptr;  // set when PoseTrack's head joints are derived
  const JointSet* wanted_ = nullptr;
  bool same_ = false;
  std::vector<Keypoint> converted_;
};

// The person's box, or the one around its present keypoints.
std::optional<Box> box_or_extent(const Person& person);
// The person's score, or the mean of its keypoint scores, or 1.
double score_or_mean(const Person& person);

std::unique_ptr<PredictionWriter> make_annolist_writer(const std::filesystem::path& path, const WriterOptions& options);
std::unique_ptr<PredictionWriter> make_coco_like_writer(Format format, const std::filesystem::path& path,
                                                        const WriterOptions& options);
std::unique_ptr<PredictionWriter> make_coco_results_writer(const std::filesystem::path& path, const WriterOptions& options);
std::unique_ptr<PredictionWriter> make_jsonl_writer(const std::filesystem::path& path, const WriterOptions& options);
std::unique_ptr<PredictionWriter> make_csv_writer(const std::filesystem::path& path, const WriterOptions& options);
std::unique_ptr<PredictionWriter> make_mot_writer(const std::filesystem::path& path, const WriterOptions& options);

// The set that `options.output_joints` names, else the one that the format asks for; null: as they come in.
const JointSet* chosen_joints(Format format, const WriterOptions& options);
// "images/val/SEQUENCE/000012.jpg" for a frame without a name.
std::string file_name_of(const Frame& frame, const std::string& sequence);

}  // namespace vepe::formats
