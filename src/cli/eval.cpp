#include "cli/eval.h"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "eval/coco_eval.h"
#include "eval/mot_eval.h"
#include "eval/report_html.h"

namespace vepe::cli {
namespace {

// What all three kinds of evaluation share.
struct Arguments {
  std::string gt, predictions, output, table = "text", html, frames;
  std::vector<std::string> minimums;
  bool lenient = false, strict_definition = false, per_sequence = false;
  int threads = 0;
  std::string protocol = "posetrack18", metrics = "ap,mota,hota";
  double min_iou = 0.5;
  int max_detections = 20, resamples = 0;
  std::uint64_t seed = 0;
};

void add_common(CLI::App* command, Arguments& a) {
  command->add_option("--gt", a.gt, "Annotations (file or folder)")->required();
  command->add_option("--pred", a.predictions, "Predictions (file or folder)")->required();
  command->add_option("-o,--output", a.output, "Write all numbers to this JSON file");
  command->add_option("--table", a.table, "Table on stdout: text, markdown, latex or csv")->capture_default_str();
  command->add_option("--min", a.minimums, "Exit with 1 unless METRIC=VALUE is reached, e.g. ap.Total=80 (repeatable)");
  command->add_option("--html", a.html, "Write a report, one self-contained page");
  command->add_flag("--lenient", a.lenient, "Leave out what cannot be used and list it");
  command->add_flag("--strict-definition", a.strict_definition,
                    "Textbook values where the official kit deviates (docs/metrics.md)");
  command->add_option("--threads", a.threads, "Threads, 0 = all")->capture_default_str()->check(CLI::NonNegativeNumber);
}

// Everything that can be refused is refused before the work.
void check(const Arguments& a) {
  eval::table_style(a.table);
  for (const auto& minimum : a.minimums) {
    if (minimum.find('=') == std::string::npos) {
      throw Error(ErrorCode::kUsage, "--min " + minimum, "has no `=`",
                  "write a metric and its least value, as in --min ap.Total=80");
    }
  }
}

void publish(const Arguments& a, const nlohmann::ordered_json& json, const std::vector<eval::Table>& tables,
             const std::string& html, const std::vector<formats::Skipped>& skipped) {
  const eval::TableStyle style = eval::table_style(a.table);
  bool first = true;
  for (const auto& table : tables) {
    std::cout << (first ? "" : "\n") << eval::render(table, style);
    first = false;
  }
  std::cout.flush();
  for (const auto& s : skipped) std::cerr << "skipped: " << s.where << ": " << s.message << "\n";
  if (!a.output.empty()) write_file_atomically(a.output, json.dump(1) + "\n");
  if (!a.html.empty()) write_file_atomically(a.html, html);
  std::string failed;
  for (const auto& minimum : a.minimums) {
    const std::string line = eval::check_minimum(json, minimum);
    if (!line.empty()) failed += (failed.empty() ? "" : "; ") + line;
  }
  if (!failed.empty()) throw Error(ErrorCode::kCheckFailed, "--min", failed);
}

void run_coco(const Arguments& a) {
  check(a);
  std::vector<formats::Skipped> skipped;
  eval::OksCurves curves;
  const eval::CocoOptions options{a.max_detections, a.threads, a.resamples, a.seed, a.strict_definition, a.lenient, &skipped};
  const eval::CocoReport report = eval::evaluate_coco(a.gt, a.predictions, options, &curves);
  publish(a, eval::metrics_json(report), eval::metrics_tables(report), a.html.empty() ? "" : eval::report_html(report, curves),
          skipped);
}

void run_posetrack(const Arguments& a) {
  check(a);
  eval::PoseEvalOptions options;
  options.protocol = eval::pose_protocol_from_name(a.protocol);
  options.ap = options.mota = options.hota = false;
  std::stringstream words(a.metrics);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == "ap")
      options.ap = true;
    else if (word == "mota")
      options.mota = true;
    else if (word == "hota")
      options.hota = true;
    else
      throw Error(ErrorCode::kUsage, "--metrics " + a.metrics, "unknown metric " + word, "use ap, mota and hota, with commas");
  }
  if (!options.ap && !options.mota && !options.hota)
    throw Error(ErrorCode::kUsage, "--metrics", "names no metric", "use ap, mota and hota, with commas");
  options.strict_definition = a.strict_definition;
  options.lenient = a.lenient;
  options.threads = a.threads;
  options.worst_frames = a.html.empty() ? 0 : 10;
  const eval::PoseEvalResult result = eval::evaluate_posetrack(a.gt, a.predictions, options);
  const std::string html = a.html.empty() ? "" : eval::report_html(result, {.frames = a.frames});
  publish(a, eval::metrics_json(result), eval::metrics_tables(result, a.per_sequence), html, result.skipped);
}

void run_mot(const Arguments& a) {
  check(a);
  std::vector<formats::Skipped> skipped;
  const eval::MotReport report = eval::evaluate_mot(a.gt, a.predictions, {a.min_iou, a.threads, a.lenient, &skipped});
  publish(a, eval::metrics_json(report), eval::metrics_tables(report, a.per_sequence),
          a.html.empty() ? "" : eval::report_html(report), skipped);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Official metrics: COCO OKS, PoseTrack AP, MOTA and HOTA, MOT boxes");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n"
      "  vepe eval coco --gt person_keypoints_val2017.json --pred coco_results.json -o m.json\n"
      "  vepe eval posetrack --gt annotations/val --pred out --protocol posetrack18 --table latex --min ap.Total=80\n"
      "  vepe eval mot --gt MOT17-02/gt/gt.txt --pred out/MOT17-02.mot.txt");
  auto arguments = std::make_shared<Arguments>();

  CLI::App* coco = command->add_subcommand("coco", "Keypoint AP and AR by object keypoint similarity");
  add_common(coco, *arguments);
  coco->add_option("--max-detections", arguments->max_detections, "Detections an image that count")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  coco->add_option("--bootstrap", arguments->resamples, "Resamples of images for 95 % intervals, 0 = none")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  coco->add_option("--seed", arguments->seed, "Seed of the bootstrap")->capture_default_str();
  coco->callback([arguments] { run_coco(*arguments); });

  CLI::App* posetrack = command->add_subcommand("posetrack", "AP, MOTA and keypoint HOTA of tracked poses");
  add_common(posetrack, *arguments);
  posetrack->add_option("--protocol", arguments->protocol, "posetrack17, posetrack18 or posetrack21")->capture_default_str();
  posetrack->add_option("--metrics", arguments->metrics, "Any of ap,mota,hota")->capture_default_str();
  posetrack->add_flag("--per-sequence", arguments->per_sequence, "Also a table row for each sequence");
  posetrack->add_option("--frames", arguments->frames, "Folder of the pictures, for the report's worst frames");
  posetrack->callback([arguments] { run_posetrack(*arguments); });

  CLI::App* mot = command->add_subcommand("mot", "CLEAR-MOT, IDF1 and HOTA of boxes in MOTChallenge text files");
  add_common(mot, *arguments);
  mot->add_option("--min-iou", arguments->min_iou, "Intersection over union from which a box counts as found")
      ->capture_default_str();
  mot->add_flag("--per-sequence", arguments->per_sequence, "Also a table row for each sequence");
  mot->callback([arguments] { run_mot(*arguments); });
}

}  // namespace vepe::cli
