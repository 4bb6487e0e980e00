#pragma once

#include <filesystem>
#include <string>

#include "eval/metrics_output.h"

namespace vepe::eval {

struct HtmlOptions {
  // Folder under which the pictures named by the annotations lie, as a whole path or by their last parts. They are
  // put into the page, up to `max_picture_bytes` in all. Empty: worst frames are drawn without pictures.
  std::filesystem::path frames;
  std::size_t max_picture_bytes = std::size_t{64} << 20;
};

// One self-contained page: bars per joint, tables that sort, score histograms, and the worst frames of each sequence
// as drawings over the picture (ground truth green, predictions orange).
std::string report_html(const PoseEvalResult& result, const HtmlOptions& options = {});
// Precision and recall, errors per keypoint, score histogram. `curves` of evaluate_oks.
std::string report_html(const CocoReport& report, const OksCurves& curves);
std::string report_html(const MotReport& report);

}  // namespace vepe::eval
