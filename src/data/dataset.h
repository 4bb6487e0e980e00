#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/config.h"
#include "data/sample.h"

namespace vepe::data {

// Pictures on disk with their labels in memory. Immutable after construction, so threads share one.
//
// Annotations follow PETR's rules: a person needs a labelled keypoint, a positive area, a box of at least one pixel
// that touches the picture, and must not be a crowd. What fails the rules is not background (as in PETR) but a region
// to ignore, since people are there. Keypoints outside the picture count as not labelled.
class Dataset {
 public:
  // Reads the annotation file or lists the folder. Throws Error(kInput) when they cannot be read or hold no picture,
  // Error(kUsage) when include and exclude lists leave nothing or name no picture of the set.
  explicit Dataset(const DatasetConfig& config);

  std::size_t size() const { return entries_.size(); }
  // Labels and sizes of one picture without its pixels.
  const Sample& labels(std::size_t index) const { return entries_[index].labels; }
  const std::string& file(std::size_t index) const { return entries_[index].file; }
  // With pixels, decoded on each call. Throws Error(kInput) when the file cannot be read. When its size is not that of
  // the annotation file the labels are scaled to it if the aspect ratio agrees to 1 %, otherwise that is an error.
  Sample load(std::size_t index) const;

  // Joints of the set, in order; empty for a folder of pictures.
  const std::vector<std::string>& keypoint_names() const { return keypoint_names_; }
  const std::string& name() const { return name_; }

 private:
  struct Entry {
    std::string file;
    Sample labels;
  };
  void read_coco(const DatasetConfig& config);
  void read_folder(const DatasetConfig& config);
  void select(const DatasetConfig& config);

  std::string name_;
  std::vector<Entry> entries_;
  std::vector<std::string> keypoint_names_;
};

// For each joint the one that a mirror makes of it: left and right exchanged by name.
std::vector<int> flip_order(const std::vector<std::string>& keypoint_names);

// Ids or file names, one a line; '#' starts a comment. Throws Error(kInput).
std::vector<std::string> read_id_list(const std::string& path);

}  // namespace vepe::data
