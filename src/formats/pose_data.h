#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vepe::formats {

// The score of a keypoint whose file gives none. poseval sorts such points with this value, so it is kept as is.
inline constexpr double kNoScore = -9999.0;

// One keypoint, in pixels of the upright source frame, in the convention of its file (README.md of this folder).
// Numbers are the file's own doubles, never rounded: metrics compare them with thresholds.
struct Keypoint {
  double x = 0, y = 0;
  double score = kNoScore;
  // The flag of the file: COCO's 0 (not labelled), 1 (hidden), 2 (visible); PoseTrack's 0 or 1. 1 for a present point
  // of a format that has no flag. Fractional where a tool wrote a score in its place.
  float visibility = 0;
  // False for a point that the file does not give: missing in a point list, or x = 0, y = 0, visibility 0 in an
  // array. Such a point is 0, 0. A point with visibility 0 and other coordinates is present.
  bool present = false;
};

// x, y of the upper left corner, in pixels.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

// One instance in one frame, annotated or predicted.
struct Person {
  // Empty: the file gives no point list at all (a box, or an annolist person without `annopoints`). Otherwise one
  // entry for each joint of Sequence::joint_names; all of them absent = "a person with an empty point list".
  std::vector<Keypoint> keypoints;
  std::optional<Box> bbox, head_box;
  std::optional<std::int64_t> track_id;
  std::optional<double> score;            // of the instance
  std::optional<double> area;             // pixels^2 (of the segment in COCO)
  std::optional<std::int64_t> id;         // annotation id
  std::optional<std::int64_t> person_id;  // PoseTrack21: identity across sequences
  std::optional<int> num_keypoints;       // as the file states it; count `visibility > 0` when absent
  std::vector<float> embedding;           // JSON Lines only
  int category_id = 1;
  int mot_class = 1;  // MOT columns 8 and 9
  double mot_visibility = -1;
  bool is_crowd = false;
  bool crowd_unknown = false;  // `iscrowd_unknown`: may be a crowd, treat a box without keypoints as ignored
  bool area_estimated = false, bbox_estimated = false;

  int present_count() const {
    int count = 0;
    for (const Keypoint& keypoint : keypoints) count += keypoint.present;
    return count;
  }
};

// A region whose people are not annotated, as the file gives it (not closed).
struct Polygon {
  std::vector<std::pair<double, double>> points;  // x, y in pixels
};

// One picture or video frame.
struct Frame {
  std::int64_t index = 0;  // position in the file, or the frame number of JSON Lines, CSV and MOT files (from 0)
  std::int64_t image_id = 0;
  std::string file_name;        // as in the file, "images/val/000101_mpii_test/000000.jpg"
  std::vector<Person> persons;  // in file order, which breaks ties in the official kits
  std::vector<Polygon> ignore_regions;
  bool has_ignore_regions = false;  // the keys are there, even when empty (PoseTrack21's kit needs them)
  std::optional<bool> is_labeled;
  std::optional<double> pts_seconds;                  // presentation time from the start of the video
  int width = 0, height = 0;                          // 0 where the file does not say
  std::optional<std::int64_t> frame_id, frame_count;  // PoseTrack's `frame_id`, `nframes`
  std::string video_id;                               // PoseTrack's `vid_id`
  // Image sets only:
  std::string labels;                                       // how complete the labels are ("complete", ..)
  int original_width = 0, original_height = 0;              // before the set was reduced in size
  std::optional<std::pair<double, double>> head_top, neck;  // joints without a COCO slot (single-person sets)

  bool labeled() const { return is_labeled.value_or(true); }
};

// The frames of one file, which is one video for PoseTrack, MOT, CSV and JSON Lines.
struct Sequence {
  std::string name;                      // file name without folder and `.json`, `.jsonl`, `.csv` or `.txt`
  std::vector<std::string> joint_names;  // order of Person::keypoints; empty for MOT
  std::vector<Frame> frames;             // in file order
};

// Something that a lenient reader left out, one line for the user: "where: message".
struct Skipped {
  std::string where, message;
};

struct ReadOptions {
  // False: the first defect throws. True: a person, frame or line that cannot be used is left out and listed; a file
  // that breaks off is read up to the break. Only a file that yields nothing still throws.
  bool lenient = false;
  std::vector<Skipped>* skipped = nullptr;  // receives the list; may be null
  int threads = 0;                          // for large files; 0: one a core. What is read does not depend on it
};

}  // namespace vepe::formats
