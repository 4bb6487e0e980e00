#pragma once

#include <string>
#include <string_view>

#include "formats/coco.h"
#include "formats/pose_data.h"

namespace vepe::formats {

class MappedFile;

// Inside formats/ only. COCO annotations, PoseTrack18 and PoseTrack21 share one layout and one parser.
struct CocoLikeRules {
  const char* layout;                    // for messages
  bool posetrack = false;                // `images` order counts, categories[0] is the person, annotation ids may repeat
  bool ignore_regions_required = false;  // PoseTrack21
};
CocoDataset parse_coco_like(std::string_view text, const std::string& name, const CocoLikeRules& rules, const ReadOptions& options,
                            MappedFile* file);

// The file name without folder and format suffix.
std::string sequence_name(const std::string& path);

}  // namespace vepe::formats
