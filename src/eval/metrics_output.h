#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "eval/box_tracking.h"
#include "eval/coco_oks.h"
#include "eval/keypoint_errors.h"
#include "eval/posetrack_eval.h"

namespace vepe::eval {

// Everything about one run of `vepe eval coco`.
struct CocoReport {
  OksSummary summary;
  std::array<Interval, 10> intervals{};
  int resamples = 0;  // 0 = no intervals
  KeypointErrors keypoints;
  std::size_t images = 0, annotations = 0, detections = 0;
};

struct MotReport {
  BoxCounts total;
  std::vector<std::pair<std::string, BoxCounts>> sequences;
};

// The files that `vepe eval -o` writes (docs/metrics.md). Values that are not defined become null.
nlohmann::ordered_json metrics_json(const PoseEvalResult& result);
nlohmann::ordered_json metrics_json(const CocoReport& report);
nlohmann::ordered_json metrics_json(const MotReport& report);

enum class TableStyle { kText, kMarkdown, kLatex, kCsv };
TableStyle table_style(const std::string& name);  // throws Error(kUsage)

// A table of numbers: one row a sequence, the first column its name. NaN prints as "-".
struct Table {
  std::string title;
  std::vector<std::string> columns;  // without the name column
  std::vector<std::pair<std::string, std::vector<double>>> rows;
  int decimals = 1;
  std::string name_column = "sequence";  // header of the names, in HTML

  // Digits after the point for one value: counts that stand beside fractions have none.
  int decimals_of(double value) const;
};
std::vector<Table> metrics_tables(const PoseEvalResult& result, bool per_sequence);
std::vector<Table> metrics_tables(const CocoReport& report);
std::vector<Table> metrics_tables(const MotReport& report, bool per_sequence);

// CSV keeps all digits; the others round to `decimals`.
std::string render(const Table& table, TableStyle style);

// `condition`: a path in the total of the metrics and its least value, "ap.Total=80", "hota.HOTA.Total=40", "AP=0.3".
// Returns an empty string if it holds, else a line that says what is too low. Throws Error(kUsage) for an unknown path.
std::string check_minimum(const nlohmann::ordered_json& metrics, const std::string& condition);

}  // namespace vepe::eval
