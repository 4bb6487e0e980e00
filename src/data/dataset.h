#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/config.h"
#include "data/sample.h"
#include "formats/pose_data.h"

namespace vepe::data {

class JointConversion;

// Pictures on disk with their labels in memory (rules: annotations.h). Immutable after construction, so threads share one.
// Of a video set the pictures are the key frames: the labelled frames with people.
class Dataset {
 public:
  // Reads the annotation file or lists the folder. Throws Error(kInput) when they cannot be read or hold no picture,
  // Error(kUsage) when include and exclude lists leave nothing or name no picture of the set.
  explicit Dataset(const DatasetConfig& config);

  std::size_t size() const { return keys_.size(); }
  // Labels and sizes of one picture without its pixels.
  const Sample& labels(std::size_t index) const { return entries_[keys_[index]].labels; }
  const std::string& file(std::size_t index) const { return entries_[keys_[index]].file; }
  // With pixels, decoded on each call. Throws Error(kInput) when the file cannot be read. When its size is not that of
  // the annotation file the labels are scaled to it if the aspect ratio agrees to 1 %, otherwise that is an error.
  Sample load(std::size_t index) const;
  // The frames at these offsets from key frame `index`, clamped to its video. Of a still picture all are the same and
  // its persons get track ids.
  std::vector<Sample> load_clip(std::size_t index, const std::vector<int>& offsets) const;
  // What training on clips needs of a video set. Throws Error(kInput) for a track id that stands twice in a frame, and when no
  // person of the videos has one. Stills need nothing.
  void check_track_ids() const;
  bool is_video(std::size_t index) const { return entries_[keys_[index]].first != entries_[keys_[index]].last; }

  // Joints of the set, in order; empty for a folder of pictures.
  const std::vector<std::string>& keypoint_names() const { return keypoint_names_; }
  const std::string& name() const { return name_; }

 private:
  struct Entry {
    std::string file;
    Sample labels = {};
    std::string sequence = {};        // name of the video
    std::size_t first = 0, last = 0;  // entries of the same video
  };
  void read_coco(const DatasetConfig& config);
  void read_posetrack(const DatasetConfig& config);
  void read_folder(const DatasetConfig& config);
  Entry& add_frame(const DatasetConfig& config, const formats::Frame& frame, const JointConversion& convert);
  Sample load_entry(const Entry& entry) const;
  void select(const DatasetConfig& config);

  std::string name_;
  std::vector<Entry> entries_;     // all frames
  std::vector<std::size_t> keys_;  // positions in entries_ that count as pictures
  std::vector<std::string> keypoint_names_;
};

// For each joint the one that a mirror makes of it: left and right exchanged by name.
std::vector<int> flip_order(const std::vector<std::string>& keypoint_names);

// Ids or file names, one a line; '#' starts a comment. Throws Error(kInput).
std::vector<std::string> read_id_list(const std::string& path);

}  // namespace vepe::data
