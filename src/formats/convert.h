#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/coco.h"
#include "formats/pose_data.h"
#include "formats/prediction_writer.h"

namespace vepe::formats {

// A piece of information that some formats hold and others do not.
enum class Field {
  kKeypoints,
  kKeypointScores,
  kVisibility,
  kMissingPointLists,  // "no point list" told apart from "an empty point list"
  kTrackIds,
  kInstanceScores,
  kBoxes,
  kHeadBoxes,
  kAreas,
  kCrowdFlags,
  kAnnotationIds,
  kPersonIds,
  kEmbeddings,
  kEmptyFrames,
  kFrameNumbers,  // those of the video, not only the order
  kImageIds,
  kFileNames,
  kFrameSizes,
  kTimeStamps,
  kIsLabeled,
  kIgnoreRegions,
  kJointNames,  // any set of joints, with its names
  kCount
};
std::string_view field_name(Field field);  // "head boxes"
bool holds(Format format, Field field);
// What a file of format `from` may hold and one of format `to` cannot: the table of docs/formats.md.
std::vector<Field> lost_fields(Format from, Format to);

// Reads a file of any format. `description` and `bystanders` are set for COCO only.
CocoDataset read_poses(const std::filesystem::path& path, Format format, const ReadOptions& options = {});

struct ConvertOptions {
  Format from = Format::kPoseTrack18, to = Format::kJsonLines;
  ReadOptions read;
  std::string joints;    // id of a JointSet for the output; empty: WriterOptions::output_joints' rule
  std::string sequence;  // name of the sequence in PoseTrack output; empty: that of the input
};

struct ConvertReport {
  std::size_t frames = 0, persons = 0;
  std::vector<std::string> lost;  // for the user: fields of lost_fields that this very file has, and joints
};

// Converts one file. Throws what the reader and the writer throw; nothing is written before the input has been read.
ConvertReport convert_file(const std::filesystem::path& in, const std::filesystem::path& out, const ConvertOptions& options);

}  // namespace vepe::formats
