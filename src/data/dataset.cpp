#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/annotations.h"
#include "formats/coco.h"
#include "formats/posetrack.h"

namespace vepe::data {
namespace fs = std::filesystem;
namespace {

// An annotation file may come from anywhere; it must not name files outside of its folder.
void check_file_name(const std::string& name, const std::string& annotations) {
  const fs::path path(name);
  const bool leaves =
      path.is_absolute() || std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  if (name.empty() || leaves) {
    throw Error(ErrorCode::kInput, annotations, "file name \"" + name + "\" does not lie in the folder of pictures",
                "use names relative to it");
  }
}

bool is_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::set<std::string> kKnown = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"};
  return kKnown.contains(extension);
}

// 000000123.jpg -> 123; other names get their position in the sorted folder.
std::int64_t id_from_name(const std::string& stem, std::int64_t position) {
  const bool digits =
      !stem.empty() && stem.size() <= 18 && std::all_of(stem.begin(), stem.end(), [](unsigned char c) { return std::isdigit(c); });
  return digits ? std::stoll(stem) : position;
}

std::string swapped(const std::string& name, const std::string& from, const std::string& to) {
  const std::size_t at = name.find(from);
  return at == std::string::npos ? "" : name.substr(0, at) + to + name.substr(at + from.size());
}

void require_folder(const std::string& path, const std::string& remedy) {
  if (!fs::is_directory(path)) throw Error(ErrorCode::kInput, path, "is not a folder", remedy);
}

// One sequence a file; a folder of them in the order of their names.
std::vector<fs::path> json_files(const std::string& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(path)) {
    if (file.path().extension() == ".json") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw Error(ErrorCode::kInput, path, "holds no .json files", "give the folder of PoseTrack annotations");
  return files;
}

// A still picture made into a clip: each person is its own track.
void number_people(Sample& sample) {
  for (std::size_t i = 0; i < sample.people.size(); ++i) sample.people[i].track_id = static_cast<std::int64_t>(i);
}

}  // namespace

Dataset::Dataset(const DatasetConfig& config) {
  if (config.kind == "coco") {
    read_coco(config);
  } else if (config.kind == "posetrack") {
    read_posetrack(config);
  } else if (config.kind == "images") {
    read_folder(config);
  } else {
    throw Error(ErrorCode::kUsage, "data set", "unknown kind \"" + config.kind + "\"", "use coco, posetrack or images");
  }
  select(config);
}

void Dataset::read_coco(const DatasetConfig& config) {
  name_ = config.annotations;
  const formats::CocoDataset coco = formats::read_coco(config.annotations);
  require_folder(config.images, "set images to the folder that holds the files of " + name_);
  const JointConversion convert(coco.poses.joint_names, config.joints, name_);
  keypoint_names_ = convert.names();
  const bool unlabelled =
      config.bystanders == "unlabelled" || (config.bystanders == "auto" && coco.bystanders.starts_with("unlabelled"));
  for (const formats::Frame& frame : coco.poses.frames) {
    keys_.push_back(entries_.size());
    Entry& entry = add_frame(config, frame, convert);
    entry.labels.unlabelled_bystanders = unlabelled || (config.bystanders == "auto" && frame.labels == "keypoint persons only");
  }
  if (entries_.empty()) throw Error(ErrorCode::kInput, name_, "lists no pictures", "use an annotation file with images");
}

void Dataset::read_posetrack(const DatasetConfig& config) {
  name_ = config.annotations;
  require_folder(config.images, "set images to the folder below which the frames of " + name_ + " lie");
  for (const fs::path& file : json_files(config.annotations)) {
    const formats::Sequence sequence = formats::read_posetrack(file, formats::PoseTrackLayout::kPoseTrack18);
    const JointConversion convert(sequence.joint_names, config.joints, file.string());
    if (keypoint_names_.empty()) keypoint_names_ = convert.names();
    if (convert.names() != keypoint_names_) {
      throw Error(ErrorCode::kInput, file.string(), "has other joints than the sequences before it",
                  "set joints = \"posetrack15\"");
    }
    const std::size_t first = entries_.size(), last = first + sequence.frames.size() - 1;
    for (const formats::Frame& frame : sequence.frames) {
      const std::size_t position = entries_.size();
      Entry& entry = add_frame(config, frame, convert);
      entry.sequence = sequence.name, entry.first = first, entry.last = last;
      if (frame.labeled() && !entry.labels.people.empty()) keys_.push_back(position);
    }
  }
  if (keys_.empty())
    throw Error(ErrorCode::kInput, name_, "has no labelled frame with a person", "give PoseTrack18 annotations with keypoints");
}

Dataset::Entry& Dataset::add_frame(const DatasetConfig& config, const formats::Frame& frame, const JointConversion& convert) {
  check_file_name(frame.file_name, name_);
  Entry entry{.file = (fs::path(config.images) / frame.file_name).string()};
  entry.first = entry.last = entries_.size();
  entry.labels.image_id = frame.image_id;
  entry.labels.image.width = frame.width, entry.labels.image.height = frame.height;
  if (frame.width <= 0 || frame.height <= 0) {
    const video::Image image = video::read_image(entry.file);
    entry.labels.image.width = image.width, entry.labels.image.height = image.height;
  }
  entry.labels.unlabelled_bystanders = config.bystanders == "unlabelled" || !frame.labeled();
  add_annotations(entry.labels, frame, convert);
  return entries_.emplace_back(std::move(entry));
}

void Dataset::read_folder(const DatasetConfig& config) {
  name_ = config.images;
  require_folder(config.images, "set images to a folder of pictures");
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(config.images)) {
    if (is_picture(file.path())) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    Entry entry{.file = file.string(), .first = entries_.size(), .last = entries_.size()};
    keys_.push_back(entries_.size());
    entry.labels.image_id = id_from_name(file.stem().string(), static_cast<std::int64_t>(entries_.size()));
    // Sizes are not known before decoding: the loader groups such pictures with the landscape ones.
    entry.labels.unlabelled_bystanders = config.bystanders == "unlabelled";
    entries_.push_back(std::move(entry));
  }
  if (entries_.empty())
    throw Error(ErrorCode::kInput, name_, "holds no pictures", "give a folder of JPEG, PNG, BMP, TIFF or WebP files");
}

void Dataset::select(const DatasetConfig& config) {
  const auto in_list = [](const Entry& entry, const std::set<std::string>& list) {
    const fs::path path(entry.file);
    return list.contains(entry.sequence) || list.contains(std::to_string(entry.labels.image_id)) ||
           list.contains(path.filename().string()) || list.contains(path.stem().string());
  };
  const auto apply = [&](const std::string& file, bool keep) {
    if (file.empty()) return;
    const std::vector<std::string> lines = read_id_list(file);
    const std::set<std::string> list(lines.begin(), lines.end());
    const std::size_t before = keys_.size();
    std::erase_if(keys_, [&](std::size_t key) { return in_list(entries_[key], list) != keep; });
    const bool nothing_named = keep ? keys_.empty() : keys_.size() == before;
    if (nothing_named)
      throw Error(ErrorCode::kUsage, file, "names no picture of " + name_, "use the list that belongs to this set");
    if (keys_.empty()) throw Error(ErrorCode::kUsage, file, "leaves no picture of " + name_, "use a shorter list");
  };
  apply(config.include_ids, true);
  apply(config.exclude_ids, false);
}

Sample Dataset::load(std::size_t index) const { return load_entry(entries_[keys_.at(index)]); }

std::vector<Sample> Dataset::load_clip(std::size_t index, const std::vector<int>& offsets) const {
  const std::size_t key = keys_.at(index);
  const auto first = static_cast<std::int64_t>(entries_[key].first), last = static_cast<std::int64_t>(entries_[key].last);
  std::map<std::int64_t, Sample> loaded;
  std::vector<Sample> frames;
  for (const int offset : offsets) {
    const std::int64_t position = std::clamp(static_cast<std::int64_t>(key) + offset, first, last);
    auto found = loaded.find(position);
    if (found == loaded.end()) found = loaded.emplace(position, load_entry(entries_[static_cast<std::size_t>(position)])).first;
    frames.push_back(found->second);
    if (first == last) number_people(frames.back());
  }
  return frames;
}

void Dataset::check_track_ids() const {
  bool any_person = false, any_id = false;
  for (const Entry& entry : entries_) {
    if (entry.first == entry.last) continue;
    std::set<std::int64_t> ids;
    for (const Person& person : entry.labels.people) {
      any_person = true;
      if (person.track_id < 0) continue;
      any_id = true;
      if (ids.insert(person.track_id).second) continue;
      throw Error(ErrorCode::kInput, entry.file, fmt::format("track id {} stands twice in this frame", person.track_id),
                  "correct the annotations of " + entry.sequence + ", or leave it out with exclude_ids");
    }
  }
  if (any_person && !any_id) {
    throw Error(ErrorCode::kInput, name_, "none of its people has a track id, clips cannot be made of it",
                "give annotations with track_id, or train on single pictures");
  }
}

Sample Dataset::load_entry(const Entry& entry) const {
  Sample sample = entry.labels;
  const int width = sample.image.width, height = sample.image.height;
  sample.image = video::read_image(entry.file);
  sample.source_width = sample.image.width, sample.source_height = sample.image.height;
  if (width > 0 && (sample.image.width != width || sample.image.height != height)) {
    const double sx = static_cast<double>(sample.image.width) / width, sy = static_cast<double>(sample.image.height) / height;
    if (std::abs(sx / sy - 1) > 0.01) {
      throw Error(ErrorCode::kInput, entry.file,
                  fmt::format("is {}x{}, its annotations are for {}x{}", sample.image.width, sample.image.height, width, height),
                  "use the pictures that belong to " + name_);
    }
    scale_labels(sample, sx, sy);
  }
  return sample;
}

std::vector<int> flip_order(const std::vector<std::string>& keypoint_names) {
  std::vector<int> order;
  for (std::size_t k = 0; k < keypoint_names.size(); ++k) {
    std::string mirrored = swapped(keypoint_names[k], "left", "right");
    if (mirrored.empty()) mirrored = swapped(keypoint_names[k], "right", "left");
    const auto found = std::find(keypoint_names.begin(), keypoint_names.end(), mirrored);
    order.push_back(
        static_cast<int>(found == keypoint_names.end() ? static_cast<std::ptrdiff_t>(k) : found - keypoint_names.begin()));
  }
  return order;
}

std::vector<std::string> read_id_list(const std::string& path) {
  std::vector<std::string> ids;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string::npos) ids.push_back(line.substr(first, line.find_last_not_of(" \t\r") - first + 1));
  }
  if (ids.empty()) throw Error(ErrorCode::kInput, path, "lists no ids", "write one image id or file name a line");
  return ids;
}

}  // namespace vepe::data
