#pragma once

#include <string>
#include <string_view>

#include "formats/coco.h"
#include "formats/persons_ahead.h"
#include "formats/pose_data.h"

namespace vepe::formats {

class MappedFile;

// Inside formats/ only. COCO annotations, PoseTrack18 and PoseTrack21 share one layout and one parser.
enum class CocoLike {
  kCoco,      // persons are the annotations of the first category with keypoints; annotation ids are unique
  kPoseTrack  // the joints are those of categories[0]; annotation ids may repeat; `keypoints` must be there
};
CocoDataset parse_coco_like(std::string_view text, const std::string& name, CocoLike rules, const ReadOptions& options,
                            MappedFile* file = nullptr, AheadOptions ahead = {});

// `parse_coco_results` with the file that `text` is the map of, and a choice of threads.
Sequence parse_results(std::string_view text, const std::string& name, const ReadOptions& options, MappedFile* file = nullptr,
                       AheadOptions ahead = {});

// The file name without folder and format suffix ("clips/a.jsonl" -> "a").
std::string sequence_name(const std::string& path);

}  // namespace vepe::formats
