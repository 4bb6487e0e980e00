#include "formats/convert.h"

#include <initializer_list>

#include "core/error.h"
#include "formats/csv.h"
#include "formats/joints.h"
#include "formats/jsonl.h"
#include "formats/mot.h"
#include "formats/posetrack.h"
#include "formats/writer_support.h"

namespace vepe::formats {
namespace {

using enum Field;
using FieldSet = std::uint32_t;

constexpr FieldSet set_of(std::initializer_list<Field> fields) {
  FieldSet set = 0;
  for (const Field field : fields) set |= FieldSet{1} << static_cast<int>(field);
  return set;
}

constexpr FieldSet kAnnolist = set_of({kKeypoints, kKeypointScores, kVisibility, kMissingPointLists, kTrackIds, kInstanceScores,
                                       kHeadBoxes, kEmptyFrames, kFileNames, kIsLabeled, kIgnoreRegions});
constexpr FieldSet kCocoLayout =
    set_of({kKeypoints, kKeypointScores, kVisibility, kTrackIds, kInstanceScores, kBoxes, kHeadBoxes, kAreas, kCrowdFlags,
            kAnnotationIds, kPersonIds, kEmptyFrames, kImageIds, kFileNames, kFrameSizes, kIsLabeled, kIgnoreRegions, kJointNames});
constexpr FieldSet kResults = set_of({kKeypoints, kKeypointScores, kTrackIds, kInstanceScores, kBoxes, kImageIds});
constexpr FieldSet kLines = set_of({kKeypoints, kKeypointScores, kTrackIds, kInstanceScores, kBoxes, kEmptyFrames, kFrameNumbers,
                                    kFrameSizes, kTimeStamps, kJointNames});
constexpr FieldSet kJson = kLines | set_of({kEmbeddings, kImageIds, kFileNames, kMissingPointLists});
constexpr FieldSet kBoxLines = set_of({kTrackIds, kInstanceScores, kBoxes, kFrameNumbers});

constexpr FieldSet fields_of(Format format) {
  switch (format) {
    case Format::kPoseTrack17:
      return kAnnolist;
    case Format::kPoseTrack18:
    case Format::kPoseTrack21:
    case Format::kCoco:
      return kCocoLayout;
    case Format::kCocoResults:
      return kResults;
    case Format::kJsonLines:
      return kJson;
    case Format::kCsv:
      return kLines;
    case Format::kMot:
      return kBoxLines;
  }
  return 0;
}

bool person_has(const Person& person, Field field) {
  switch (field) {
    case kKeypoints:
      return person.present_count() > 0;
    case kMissingPointLists:
      return person.keypoints.empty();
    case kTrackIds:
      return person.track_id.has_value();
    case kInstanceScores:
      return person.score.has_value();
    case kBoxes:
      return person.bbox.has_value();
    case kHeadBoxes:
      return person.head_box.has_value();
    case kAreas:
      return person.area.has_value();
    case kCrowdFlags:
      return person.is_crowd || person.crowd_unknown;
    case kAnnotationIds:
      return person.id.has_value();
    case kPersonIds:
      return person.person_id.has_value();
    case kEmbeddings:
      return !person.embedding.empty();
    default:
      break;
  }
  for (const Keypoint& keypoint : person.keypoints) {
    if (!keypoint.present) continue;
    if (field == kKeypointScores && keypoint.score != kNoScore) return true;
    if (field == kVisibility && keypoint.visibility != 1) return true;
  }
  return false;
}

bool frame_has(const Frame& frame, std::size_t position, Field field) {
  switch (field) {
    case kEmptyFrames:
      return frame.persons.empty();
    case kFrameNumbers:
      return frame.index != static_cast<std::int64_t>(position);
    case kImageIds:
      return frame.image_id != 0 && frame.image_id != frame.index && frame.image_id != frame.index + 1;
    case kFileNames:
      return !frame.file_name.empty();
    case kFrameSizes:
      return frame.width > 0 || frame.height > 0;
    case kTimeStamps:
      return frame.pts_seconds.has_value();
    case kIsLabeled:
      return frame.is_labeled.has_value();
    case kIgnoreRegions:
      return frame.has_ignore_regions && !frame.ignore_regions.empty();
    default:
      break;
  }
  for (const Person& person : frame.persons) {
    if (person_has(person, field)) return true;
  }
  return false;
}

bool sequence_has(const Sequence& sequence, Field field) {
  for (std::size_t i = 0; i < sequence.frames.size(); ++i) {
    if (frame_has(sequence.frames[i], i, field)) return true;
  }
  return false;
}

// The joints of the input that the output has no place for.
std::string lost_joints(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  const std::vector<int> map = joint_map(to, from);
  std::string lost;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (map[i] < 0) lost += (lost.empty() ? "" : ", ") + from[i];
  }
  return lost;
}

std::vector<std::string> describe_losses(const Sequence& sequence, const ConvertOptions& options, const JointSet* joints) {
  std::vector<std::string> lost;
  for (const Field field : lost_fields(options.from, options.to)) {
    if (field != kJointNames && sequence_has(sequence, field)) lost.emplace_back(field_name(field));
  }
  if (joints == nullptr || !holds(options.to, kKeypoints)) return lost;
  if (const std::string names = lost_joints(sequence.joint_names, joints->names); !names.empty()) lost.push_back("joints " + names);
  return lost;
}

}  // namespace

std::string_view field_name(Field field) {
  static constexpr std::string_view kNames[] = {"keypoints",
                                                "keypoint scores",
                                                "visibility flags",
                                                "missing point lists",
                                                "track ids",
                                                "instance scores",
                                                "person boxes",
                                                "head boxes",
                                                "areas",
                                                "crowd flags",
                                                "annotation ids",
                                                "person ids",
                                                "embeddings",
                                                "frames without persons",
                                                "frame numbers",
                                                "image ids",
                                                "file names",
                                                "frame sizes",
                                                "time stamps",
                                                "is_labeled",
                                                "ignore regions",
                                                "joint names"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(kCount));
  return kNames[static_cast<std::size_t>(field)];
}

bool holds(Format format, Field field) { return (fields_of(format) >> static_cast<int>(field) & 1) != 0; }

std::vector<Field> lost_fields(Format from, Format to) {
  std::vector<Field> lost;
  for (int i = 0; i < static_cast<int>(kCount); ++i) {
    const Field field = static_cast<Field>(i);
    if (holds(from, field) && !holds(to, field)) lost.push_back(field);
  }
  return lost;
}

CocoDataset read_poses(const std::filesystem::path& path, Format format, const ReadOptions& options) {
  CocoDataset data;
  switch (format) {
    case Format::kPoseTrack17:
      data.poses = read_posetrack(path, PoseTrackLayout::kPoseTrack17, options);
      break;
    case Format::kPoseTrack18:
      data.poses = read_posetrack(path, PoseTrackLayout::kPoseTrack18, options);
      break;
    case Format::kPoseTrack21:
      data.poses = read_posetrack(path, PoseTrackLayout::kPoseTrack21, options);
      break;
    case Format::kCoco:
      data = read_coco(path, options);
      break;
    case Format::kCocoResults:
      data.poses = read_coco_results(path, options);
      break;
    case Format::kJsonLines:
      data.poses = read_jsonl(path, options);
      break;
    case Format::kCsv:
      data.poses = read_csv(path, options);
      break;
    case Format::kMot:
      data.poses = read_mot(path, options);
      break;
  }
  return data;
}

ConvertReport convert_file(const std::filesystem::path& in, const std::filesystem::path& out, const ConvertOptions& options) {
  CocoDataset data = read_poses(in, options.from, options.read);
  WriterOptions writing;
  writing.sequence_name = options.sequence.empty() ? data.poses.name : options.sequence;
  writing.joint_names = data.poses.joint_names;
  writing.output_joints = options.joints;
  writing.description = data.description;
  writing.bystanders = data.bystanders;
  const JointSet* joints = chosen_joints(options.to, writing);
  if (joints != nullptr) writing.output_joints = joints->id;

  ConvertReport report;
  report.lost = describe_losses(data.poses, options, joints);
  const std::unique_ptr<PredictionWriter> writer = open_writer(options.to, out, writing);
  for (Frame& frame : data.poses.frames) {
    writer->write(frame);
    ++report.frames;
    report.persons += frame.persons.size();
    frame = Frame{};  // large files: what has been written is not needed any more
  }
  writer->close();
  return report;
}

}  // namespace vepe::formats
