#include "eval/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/frame_drawing.h"
#include "eval/html_page.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

std::vector<std::pair<std::string, double>> group_bars(const JointValues& values, bool strict) {
  const auto means = group_means(values, strict);
  std::vector<std::pair<std::string, double>> bars;
  for (int k = 0; k < kJointGroups; ++k) bars.emplace_back(kGroupNames[k], means[k]);
  return bars;
}

std::string column(const std::string& title, const std::string& body) {
  return "<div><h3>" + html_escape(title) + "</h3>" + body + "</div>";
}

std::string pose_bars(const PoseMetrics& total, bool strict) {
  std::string body = "<div class=\"pair\">";
  if (total.ap) body += column("AP", html_bars(group_bars(total.ap->ap, strict), 100));
  if (total.mota) body += column("MOTA", html_bars(group_bars(total.mota->mota, strict), 100));
  if (total.hota) body += column("HOTA", html_bars(group_bars(pose_hota_values(*total.hota).front().second, strict), 100));
  return body + "</div>\n";
}

// Scores of right and wrong joints of all kinds; points without a score (far below all others) are left out.
std::string pose_histogram(const ApSamples& samples) {
  double low = kInfinity, high = -kInfinity;
  for (const auto& joint : samples.predicted) {
    for (const auto& s : joint) {
      if (s.score <= formats::kNoScore) continue;
      low = std::min(low, s.score);
      high = std::max(high, s.score);
    }
  }
  if (!(low <= high)) return "<p>The predictions have no scores.</p>";
  low = std::min(low, 0.0);
  std::vector<double> right(30, 0), wrong(30, 0);
  for (const auto& joint : samples.predicted) {
    for (const auto& s : joint) {
      if (s.score <= formats::kNoScore) continue;
      const double share = high > low ? (s.score - low) / (high - low) : 0;
      ++(s.correct ? right : wrong)[std::min<std::size_t>(29, static_cast<std::size_t>(share * 30))];
    }
  }
  return html_histogram(right, wrong, low, high);
}

std::string worst_section(const PoseEvalResult& result, const HtmlOptions& options) {
  std::size_t budget = options.max_picture_bytes;
  std::string body =
      "<p class=\"key\">Joints missed or invented, worst first.<b style=\"background:#2fae66\"></b>ground truth"
      "<b style=\"background:#f07b2e\"></b>predictions</p>\n";
  bool open = true;
  for (const auto& s : result.sequences) {
    if (s.worst.empty()) continue;
    body +=
        std::string("<details") + (open ? " open" : "") + "><summary>" + html_escape(s.name) + "</summary><div class=\"frames\">\n";
    open = false;
    for (const WorstFrame& frame : s.worst) {
      body += "<figure>" + draw_frame(frame, options.frames, budget) +
              fmt::format("<figcaption>frame {}: {} missed, {} wrong</figcaption></figure>\n", frame.frame, frame.misses,
                          frame.false_positives);
    }
    body += "</div></details>\n";
  }
  return html_section("Worst frames", body);
}

}  // namespace

std::string report_html(const PoseEvalResult& result, const HtmlOptions& options) {
  std::string body = fmt::format("<p>Protocol {}{}, {} sequences</p>\n", name_of(result.protocol),
                                 result.strict_definition ? ", strict definitions" : "", result.sequences.size());
  body += html_section("All sequences", pose_bars(result.total, result.strict_definition));
  std::string tables;
  for (const Table& table : metrics_tables(result, true)) tables += "<h3>" + html_escape(table.title) + "</h3>" + html_table(table);
  body += html_section("Sequences", "<p>Click a column to sort.</p>" + tables);
  if (result.total.hota) {
    const HotaCurves& c = result.total.hota->columns[kPoseJoints];
    std::vector<double> x;
    for (int a = 0; a < kHotaThresholds; ++a) x.push_back(hota_threshold(a));
    std::vector<Curve> curves;
    for (const auto& [name, curve] : {std::pair{"HOTA", &c.hota}, {"DetA", &c.det_a}, {"AssA", &c.ass_a}, {"LocA", &c.loc_a}}) {
      curves.push_back({name, {curve->begin(), curve->end()}});
    }
    body += html_section("HOTA over the similarity threshold", html_curves(x, curves, "threshold", "value"));
  }
  if (result.total.ap) body += html_section("Scores of predicted joints", pose_histogram(result.samples));
  if (result.total.ap) body += worst_section(result, options);
  if (!result.skipped.empty()) {
    std::string list = "<ul>";
    for (const auto& s : result.skipped) list += "<li>" + html_escape(s.where + ": " + s.message) + "</li>";
    body += html_section("Left out", list + "</ul>");
  }
  return html_page("Pose tracking report", body);
}

std::string report_html(const CocoReport& report, const OksCurves& curves) {
  std::vector<std::pair<std::string, double>> bars;
  for (const auto& [name, value] : summary_values(report.summary)) bars.emplace_back(name, value < 0 ? kNan : 100 * value);
  std::vector<double> recalls;
  for (int r = 0; r < kOksRecalls; ++r) recalls.push_back(r * 0.01);
  std::vector<Curve> precision;
  for (int t : {0, 2, 5, 8}) {
    Curve& curve = precision.emplace_back(Curve{fmt::format("OKS {:.2f}", 0.5 + 0.05 * t), {}});
    for (double p : curves.precision[0][t]) curve.y.push_back(p < 0 ? kNan : p);
  }
  std::string body =
      fmt::format("<p>{} images, {} annotated persons, {} detections</p>\n", report.images, report.annotations, report.detections);
  body +=
      html_section("OKS", "<div class=\"pair\">" + column("AP and AR", html_bars(bars, 100)) +
                              column("Precision over recall", html_curves(recalls, precision, "recall", "precision")) + "</div>");
  const std::vector<Table> tables = metrics_tables(report);
  body += html_section(tables[1].title, html_table(tables[1]));
  const auto& k = report.keypoints;
  body += html_section("Scores of detections",
                       html_histogram({k.matched_scores.begin(), k.matched_scores.end()},
                                      {k.unmatched_scores.begin(), k.unmatched_scores.end()}, 0, k.highest_score));
  return html_page("COCO keypoints report", body);
}

std::string report_html(const MotReport& report) {
  std::vector<std::pair<std::string, double>> bars;
  for (const auto& [name, value] : mot_summary(report.total)) {
    const bool count =
        name == "IDSW" || name == "FP" || name == "FN" || name == "Frag" || name == "MT" || name == "PT" || name == "ML";
    if (!count) bars.emplace_back(name, 100 * value);
  }
  std::vector<double> x;
  for (int a = 0; a < kHotaThresholds; ++a) x.push_back(hota_threshold(a));
  const HotaCurves& h = report.total.hota;
  std::vector<Curve> curves;
  for (const auto& [name, curve] : {std::pair{"HOTA", &h.hota}, {"DetA", &h.det_a}, {"AssA", &h.ass_a}, {"LocA", &h.loc_a}}) {
    curves.push_back({name, {curve->begin(), curve->end()}});
  }
  std::string body = html_section(
      "All sequences", "<div class=\"pair\">" + column("Per cent", html_bars(bars, 100)) +
                           column("HOTA over the IoU threshold", html_curves(x, curves, "threshold", "value")) + "</div>");
  body += html_section("Sequences", html_table(metrics_tables(report, true)[0]));
  return html_page("Box tracking report", body);
}

}  // namespace vepe::eval
