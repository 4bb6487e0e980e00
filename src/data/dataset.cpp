#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "formats/coco.h"

namespace vepe::data {
namespace fs = std::filesystem;
namespace {

Box to_box(const formats::Box& box) {
  return {static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.x + box.width), static_cast<float>(box.y + box.height)};
}

Box clip(const Box& box, int width, int height) {
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  return {std::clamp(box.x0, 0.0f, w), std::clamp(box.y0, 0.0f, h), std::clamp(box.x1, 0.0f, w), std::clamp(box.y1, 0.0f, h)};
}

std::vector<Keypoint> to_keypoints(const formats::Person& person, int width, int height) {
  std::vector<Keypoint> keypoints(person.keypoints.size());
  for (std::size_t k = 0; k < keypoints.size(); ++k) {
    const formats::Keypoint& from = person.keypoints[k];
    if (!from.present || !(from.visibility > 0)) continue;
    const double x = inside_from_file(from.x), y = inside_from_file(from.y);
    if (x < 0 || y < 0 || x > width || y > height) continue;
    keypoints[k] = {static_cast<float>(x), static_cast<float>(y), from.visibility > 1.5f ? 2 : 1};
  }
  return keypoints;
}

// A box around the keypoints for files that give none.
Box keypoint_hull(const std::vector<Keypoint>& keypoints) {
  Box hull{1e9f, 1e9f, -1e9f, -1e9f};
  for (const Keypoint& keypoint : keypoints) {
    if (keypoint.visibility == 0) continue;
    hull = {std::min(hull.x0, keypoint.x), std::min(hull.y0, keypoint.y), std::max(hull.x1, keypoint.x), std::max(hull.y1, keypoint.y)};
  }
  return hull;
}

// PETR's rules (dataset.h): a person, a region to ignore, or nothing.
void add_person(Sample& sample, const formats::Person& from) {
  const int width = sample.image.width, height = sample.image.height;
  Person person;
  person.keypoints = to_keypoints(from, width, height);
  const bool labelled = std::any_of(person.keypoints.begin(), person.keypoints.end(), [](const Keypoint& k) { return k.visibility > 0; });
  if (!from.bbox && !labelled) return;
  person.box = clip(from.bbox ? to_box(*from.bbox) : keypoint_hull(person.keypoints), width, height);
  person.area = static_cast<float>(from.area ? *from.area : 0.52 * person.box.width() * person.box.height());
  person.track_id = from.track_id.value_or(-1);
  const bool large_enough = person.box.width() >= 1 && person.box.height() >= 1;
  if (labelled && !from.is_crowd && large_enough && person.area > 0) {
    sample.people.push_back(std::move(person));
  } else if (large_enough) {
    sample.ignore_boxes.push_back(person.box);
  }
}

// An annotation file may come from anywhere; it must not name files outside of its folder.
void check_file_name(const std::string& name, const std::string& annotations) {
  const fs::path path(name);
  const bool leaves = path.is_absolute() || std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  if (name.empty() || leaves) {
    throw Error(ErrorCode::kInput, annotations, "file name \"" + name + "\" does not lie in the folder of pictures", "use names relative to it");
  }
}

bool is_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static const std::set<std::string> kKnown = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"};
  return kKnown.contains(extension);
}

// 000000123.jpg -> 123; other names get their position in the sorted folder.
std::int64_t id_from_name(const std::string& stem, std::int64_t position) {
  const bool digits = !stem.empty() && stem.size() <= 18 && std::all_of(stem.begin(), stem.end(), [](unsigned char c) { return std::isdigit(c); });
  return digits ? std::stoll(stem) : position;
}

std::string swapped(const std::string& name, const std::string& from, const std::string& to) {
  const std::size_t at = name.find(from);
  return at == std::string::npos ? "" : name.substr(0, at) + to + name.substr(at + from.size());
}

void scale_labels(Sample& labels, double sx, double sy) {
  const auto fx = static_cast<float>(sx), fy = static_cast<float>(sy);
  const auto scale_box = [&](Box& box) { box = {box.x0 * fx, box.y0 * fy, box.x1 * fx, box.y1 * fy}; };
  for (Person& person : labels.people) {
    for (Keypoint& keypoint : person.keypoints) keypoint.x *= fx, keypoint.y *= fy;
    scale_box(person.box);
    person.area *= fx * fy;
  }
  for (Box& box : labels.ignore_boxes) scale_box(box);
}

}  // namespace

Dataset::Dataset(const DatasetConfig& config) {
  if (config.kind == "coco") {
    read_coco(config);
  } else if (config.kind == "images") {
    read_folder(config);
  } else {
    throw Error(ErrorCode::kUsage, "data set", "unknown kind \"" + config.kind + "\"", "use coco or images");
  }
  select(config);
}

void Dataset::read_coco(const DatasetConfig& config) {
  name_ = config.annotations;
  const formats::CocoDataset coco = formats::read_coco(config.annotations);
  if (!fs::is_directory(config.images)) {
    throw Error(ErrorCode::kInput, config.images, "is not a folder of pictures", "set images to the folder that holds the files of " + name_);
  }
  keypoint_names_ = coco.poses.joint_names;
  const bool unlabelled = config.bystanders == "unlabelled" || (config.bystanders == "auto" && coco.bystanders.starts_with("unlabelled"));
  for (const formats::Frame& frame : coco.poses.frames) {
    check_file_name(frame.file_name, name_);
    Entry entry{(fs::path(config.images) / frame.file_name).string(), {}};
    entry.labels.image_id = frame.image_id;
    entry.labels.unlabelled_bystanders = unlabelled || frame.labels == "keypoint persons only";
    entry.labels.image.width = frame.width, entry.labels.image.height = frame.height;
    if (frame.width <= 0 || frame.height <= 0) {
      const video::Image image = video::read_image(entry.file);
      entry.labels.image.width = image.width, entry.labels.image.height = image.height;
    }
    for (const formats::Person& person : frame.persons) add_person(entry.labels, person);
    entries_.push_back(std::move(entry));
  }
  if (entries_.empty()) throw Error(ErrorCode::kInput, name_, "lists no pictures", "use an annotation file with images");
}

void Dataset::read_folder(const DatasetConfig& config) {
  name_ = config.images;
  if (!fs::is_directory(config.images)) throw Error(ErrorCode::kInput, config.images, "is not a folder", "set images to a folder of pictures");
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(config.images)) {
    if (is_picture(file.path())) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    Entry entry{file.string(), {}};
    entry.labels.image_id = id_from_name(file.stem().string(), static_cast<std::int64_t>(entries_.size()));
    // Sizes are not known before decoding: the loader groups such pictures with the landscape ones.
    entry.labels.unlabelled_bystanders = config.bystanders == "unlabelled";
    entries_.push_back(std::move(entry));
  }
  if (entries_.empty()) throw Error(ErrorCode::kInput, name_, "holds no pictures", "give a folder of JPEG, PNG, BMP, TIFF or WebP files");
}

void Dataset::select(const DatasetConfig& config) {
  const auto in_list = [](const Entry& entry, const std::set<std::string>& list) {
    const fs::path path(entry.file);
    return list.contains(std::to_string(entry.labels.image_id)) || list.contains(path.filename().string()) || list.contains(path.stem().string());
  };
  const auto apply = [&](const std::string& file, bool keep) {
    if (file.empty()) return;
    const std::vector<std::string> lines = read_id_list(file);
    const std::set<std::string> list(lines.begin(), lines.end());
    const std::size_t before = entries_.size();
    std::erase_if(entries_, [&](const Entry& entry) { return in_list(entry, list) != keep; });
    const bool nothing_named = keep ? entries_.empty() : entries_.size() == before;
    if (nothing_named) throw Error(ErrorCode::kUsage, file, "names no picture of " + name_, "use the list that belongs to this set");
    if (entries_.empty()) throw Error(ErrorCode::kUsage, file, "leaves no picture of " + name_, "use a shorter list");
  };
  apply(config.include_ids, true);
  apply(config.exclude_ids, false);
}

Sample Dataset::load(std::size_t index) const {
  const Entry& entry = entries_.at(index);
  Sample sample = entry.labels;
  const int width = sample.image.width, height = sample.image.height;
  sample.image = video::read_image(entry.file);
  sample.source_width = sample.image.width, sample.source_height = sample.image.height;
  if (width > 0 && (sample.image.width != width || sample.image.height != height)) {
    const double sx = static_cast<double>(sample.image.width) / width, sy = static_cast<double>(sample.image.height) / height;
    if (std::abs(sx / sy - 1) > 0.01) {
      throw Error(ErrorCode::kInput, entry.file, fmt::format("is {}x{}, its annotations are for {}x{}", sample.image.width, sample.image.height, width, height),
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
    order.push_back(static_cast<int>(found == keypoint_names.end() ? static_cast<std::ptrdiff_t>(k) : found - keypoint_names.begin()));
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
