#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "formats/pose_data.h"

namespace vepe::formats {

// A COCO keypoints annotation file. `poses.frames` are the images in file order; an image's persons are its
// annotations of the person category in file order, crowds and persons without keypoints included.
struct CocoDataset {
  Sequence poses;
  std::string description;  // info.description
  std::string bystanders;   // info.bystanders: "labelled", "unlabelled", ..; empty when absent
};

// Reads annotations (`images`, `annotations`, `categories`). Segments, captions and unknown keys are passed over.
// Memory: the returned structs plus a few MB; the mapped file is given back as it is read.
// Throws Error(kInput) naming file and image or annotation id: wrong JSON (with the byte), missing keys, unknown or
// repeated image ids, keypoint arrays that do not fit the category, numbers that are not finite.
CocoDataset read_coco(const std::filesystem::path& path, const ReadOptions& options = {});
CocoDataset parse_coco(std::string_view text, const std::string& name, const ReadOptions& options = {});

// Reads a COCO results file (an array of {image_id, category_id, keypoints, score}). Frames stand in the order in
// which their image first appears; persons in file order (which breaks ties). The third number of each keypoint is
// both `visibility` and `score`. `bbox` is optional.
Sequence read_coco_results(const std::filesystem::path& path, const ReadOptions& options = {});
Sequence parse_coco_results(std::string_view text, const std::string& name, const ReadOptions& options = {});

// Writes annotations; ids, areas and counts that are missing are filled in (area: 0.52 of the box, marked estimated).
// Throws Error(kOutput).
void write_coco(const std::filesystem::path& path, const CocoDataset& dataset);

}  // namespace vepe::formats
