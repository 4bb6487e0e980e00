#include "formats/prediction_writer.h"

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "formats/writer_support.h"

namespace vepe::formats {

std::string_view format_name(Format format) {
  switch (format) {
    case Format::kPoseTrack17:
      return "posetrack17";
    case Format::kPoseTrack18:
      return "posetrack18";
    case Format::kPoseTrack21:
      return "posetrack21";
    case Format::kCoco:
      return "coco";
    case Format::kCocoResults:
      return "coco-results";
    case Format::kJsonLines:
      return "jsonl";
    case Format::kCsv:
      return "csv";
    case Format::kMot:
      return "mot";
  }
  return "";
}

const std::vector<Format>& all_formats() {
  static const std::vector<Format> formats = {Format::kPoseTrack17, Format::kPoseTrack18, Format::kPoseTrack21, Format::kCoco,
                                              Format::kCocoResults, Format::kJsonLines,   Format::kCsv,         Format::kMot};
  return formats;
}

Format parse_format(std::string_view name) {
  std::string known;
  for (const Format format : all_formats()) {
    if (format_name(format) == name) return format;
    known += (known.empty() ? "" : ", ") + std::string(format_name(format));
  }
  throw Error(ErrorCode::kUsage, "", "unknown format '" + std::string(name) + "'", "use one of " + known);
}

std::filesystem::path prediction_path(const std::filesystem::path& folder, std::string_view stem, Format format) {
  const std::string name(stem);
  switch (format) {
    case Format::kPoseTrack17:
    case Format::kPoseTrack18:
    case Format::kPoseTrack21:
      return folder / (name + ".posetrack.json");
    case Format::kCoco:
      return folder / (name + ".coco.json");
    case Format::kCocoResults:
      return folder / "coco_results.json";
    case Format::kJsonLines:
      return folder / (name + ".jsonl");
    case Format::kCsv:
      return folder / (name + ".csv");
    case Format::kMot:
      return folder / (name + ".mot.txt");
  }
  return folder / name;
}

JointConverter::JointConverter(std::vector<std::string> from, const JointSet* wanted) : from_(std::move(from)) {
  if (wanted == nullptr || from_.empty()) {
    names_ = from_;
    if (wanted != nullptr) names_ = wanted->names;
    same_ = true;
    return;
  }
  names_ = wanted->names;
  wanted_ = wanted;
  const JointSet* source = find_joint_set(from_);
  same_ = source == wanted;
  if (source == &coco17() && !same_) coco_ = source;
  map_ = joint_map(from_, names_);
  if (std::all_of(map_.begin(), map_.end(), [](int index) { return index < 0; })) {
    throw Error(ErrorCode::kUsage, "", "none of the joints that come in is one of " + wanted->id,
                "name the joints by their usual names");
  }
}

const std::vector<Keypoint>& JointConverter::convert(const std::vector<Keypoint>& keypoints) {
  if (keypoints.empty()) return keypoints;
  if (keypoints.size() != from_.size()) {
    throw Error(ErrorCode::kUsage, "",
                "a pose of " + std::to_string(keypoints.size()) + " keypoints, but " + std::to_string(from_.size()) +
                    " joints were announced",
                "pass the joint names that fit the model");
  }
  if (same_) return keypoints;
  if (coco_ != nullptr) {
    converted_ = convert_keypoints(keypoints, *coco_, *wanted_);
    return converted_;
  }
  converted_.assign(names_.size(), Keypoint{});
  for (std::size_t i = 0; i < map_.size(); ++i) {
    if (map_[i] >= 0) converted_[i] = keypoints[static_cast<std::size_t>(map_[i])];
  }
  return converted_;
}

std::optional<Box> box_or_extent(const Person& person) {
  if (person.bbox) return person.bbox;
  std::optional<Box> box;
  double right = 0, bottom = 0;
  for (const Keypoint& keypoint : person.keypoints) {
    if (!keypoint.present) continue;
    if (!box) {
      box = Box{keypoint.x, keypoint.y, 0, 0};
      right = keypoint.x;
      bottom = keypoint.y;
    }
    box->x = std::min(box->x, keypoint.x);
    box->y = std::min(box->y, keypoint.y);
    right = std::max(right, keypoint.x);
    bottom = std::max(bottom, keypoint.y);
  }
  if (box) {
    box->width = right - box->x;
    box->height = bottom - box->y;
  }
  return box;
}

double score_or_mean(const Person& person) {
  if (person.score) return *person.score;
  double sum = 0;
  int count = 0;
  for (const Keypoint& keypoint : person.keypoints) {
    if (!keypoint.present || keypoint.score == kNoScore) continue;
    sum += keypoint.score;
    ++count;
  }
  return count == 0 ? 1.0 : sum / count;
}

const JointSet* chosen_joints(Format format, const WriterOptions& options) {
  if (!options.output_joints.empty()) {
    const JointSet* set = find_joint_set(options.output_joints);
    if (set != nullptr) return set;
    throw Error(ErrorCode::kUsage, "", "unknown joint order '" + options.output_joints + "'",
                "use coco17, posetrack15, posetrack18, posetrack21_kit or crowdpose14");
  }
  switch (format) {
    case Format::kPoseTrack17:
      return &posetrack15();
    case Format::kPoseTrack18:
    case Format::kPoseTrack21:
      return &posetrack18();
    case Format::kCocoResults: {
      const JointSet* set = find_joint_set(options.joint_names);
      return set == &posetrack15() || set == &posetrack18() || set == &posetrack21_kit() ? &coco17() : nullptr;
    }
    default:
      return nullptr;
  }
}

std::string file_name_of(const Frame& frame, const std::string& sequence) {
  if (!frame.file_name.empty()) return frame.file_name;
  char number[32];
  std::snprintf(number, sizeof number, "%06lld.jpg", static_cast<long long>(frame.index));
  return "images/val/" + (sequence.empty() ? "sequence" : sequence) + "/" + number;
}

std::unique_ptr<PredictionWriter> open_writer(Format format, const std::filesystem::path& path, const WriterOptions& options) {
  switch (format) {
    case Format::kPoseTrack17:
      return make_annolist_writer(path, options);
    case Format::kPoseTrack18:
    case Format::kPoseTrack21:
    case Format::kCoco:
      return make_coco_like_writer(format, path, options);
    case Format::kCocoResults:
      return make_coco_results_writer(path, options);
    case Format::kJsonLines:
      return make_jsonl_writer(path, options);
    case Format::kCsv:
      return make_csv_writer(path, options);
    case Format::kMot:
      return make_mot_writer(path, options);
  }
  throw Error(ErrorCode::kUsage, path.string(), "unknown format", "use one of the listed formats");
}

}  // namespace vepe::formats
