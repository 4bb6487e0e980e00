#pragma once

#include <filesystem>
#include <vector>

#include "eval/metrics_output.h"

namespace vepe::eval {

struct MotOptions {
  double min_iou = 0.5;  // of a match in CLEAR and identity metrics
  int threads = 0;       // 0 = all
  bool lenient = false;
  std::vector<formats::Skipped>* skipped = nullptr;  // of a lenient run; may be null
};

// Evaluates two MOT text files, or folders: ground truth <seq>/gt/gt.txt or <seq>.txt, results <seq>.txt or
// <seq>.mot.txt. Throws Error(kInput) when a sequence has no results (lenient: left out and listed).
MotReport evaluate_mot(const std::filesystem::path& gt, const std::filesystem::path& predictions, const MotOptions& options = {});

}  // namespace vepe::eval
