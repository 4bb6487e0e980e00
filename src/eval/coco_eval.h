#pragma once

#include <filesystem>
#include <vector>

#include "eval/metrics_output.h"

namespace vepe::eval {

struct CocoOptions {
  int max_detections = 20;  // an image
  int threads = 0;          // 0 = all
  int resamples = 0;        // bootstrap draws for 95 % intervals; 0 = none
  std::uint64_t seed = 0;
  bool strict_definition = false, lenient = false;
  std::vector<formats::Skipped>* skipped = nullptr;  // of a lenient run; may be null
};

// Evaluates a COCO keypoints annotation file and a results file. `curves`, when given, receives precision and recall.
// The sigmas are those of the annotations' joint set (COCO's 17, CrowdPose's 14, ..).
CocoReport evaluate_coco(const std::filesystem::path& gt, const std::filesystem::path& predictions, const CocoOptions& options = {},
                         OksCurves* curves = nullptr);

}  // namespace vepe::eval
