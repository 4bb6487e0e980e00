#include "eval/metrics_output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/coco_eval.h"
#include "eval/golden_support.h"
#include "eval/mot_eval.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

PoseEvalResult pt18() {
  PoseEvalOptions options;
  return evaluate_posetrack(golden("poseval_synth/pt18/gt"), golden("poseval_synth/pt18/pred"), options);
}

TEST(MetricsOutput, PoseFileHasTheStatedKeys) {
  const auto json = metrics_json(pt18());
  EXPECT_EQ(json.at("protocol"), "posetrack18");
  EXPECT_EQ(json.at("sequences").size(), 4u);
  for (const auto& part : {json.at("total"), json.at("sequences").at("000101_mpii_test")}) {
    for (const char* metric : {"ap", "mota", "motp", "precision", "recall"}) {
      for (const char* group : kGroupNames) EXPECT_TRUE(part.at(metric).at(group).is_number()) << metric << group;
    }
    for (const char* field : {"HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "FragA"}) {
      EXPECT_TRUE(part.at("hota").at(field).at("Total").is_number()) << field;
      EXPECT_TRUE(part.at("hota").at(field).at("Head").is_number()) << field;
    }
  }
}

// The last lines that poseval itself prints for this data.
TEST(MetricsOutput, TablesRoundAsTheKitDoes) {
  const auto tables = metrics_tables(pt18(), true);
  ASSERT_EQ(tables.size(), 3u);
  ASSERT_EQ(tables[0].rows.size(), 5u);
  EXPECT_NE(render(tables[0], TableStyle::kLatex)
                .find("total                 & 28.4 & 24.4 & 24.4 & 24.0 & 24.5 & 25.1 & 26.6 &  25.5 \\\\"),
            std::string::npos)
      << render(tables[0], TableStyle::kLatex);
  EXPECT_NE(render(tables[1], TableStyle::kText).find("-9.7  -14.4  -16.5  -16.6  -14.0  -12.4   -9.1  -13.0  57.5  46.3  53.7"),
            std::string::npos)
      << render(tables[1], TableStyle::kText);
}

TEST(MetricsOutput, TableStyles) {
  const Table table{"T", {"a_b", "c"}, {{"x|y", {1.25, kNan}}, {"p,q", {-3, 100}}}, 1};
  EXPECT_EQ(render(table, TableStyle::kText), "T\n      a_b      c\nx|y   1.2      -\np,q  -3.0  100.0\n");
  EXPECT_EQ(render(table, TableStyle::kMarkdown),
            "**T**\n\n|      |  a_b |     c |\n|---|---:|---:|\n| x\\|y |  1.2 |     - |\n| p,q  | -3.0 | 100.0 |\n");
  EXPECT_EQ(render(table, TableStyle::kCsv), "T,a_b,c\nx|y,1.25,\n\"p,q\",-3,100\n");
  EXPECT_EQ(
      render(table, TableStyle::kLatex),
      "% T\n\\begin{tabular}{lrr}\n    & a\\_b &     c \\\\\n\\hline\nx|y &  1.2 &     - \\\\\np,q & -3.0 & 100.0 \\\\\n\\end{tabular}\n");
  EXPECT_THROW(table_style("html"), Error);
}

TEST(MetricsOutput, MinimumIsCheckedAgainstTheTotal) {
  const auto json = metrics_json(pt18());
  EXPECT_EQ(check_minimum(json, "ap.Total=25.4"), "");
  EXPECT_NE(check_minimum(json, "ap.Total=25.6").find("ap.Total is 25.5"), std::string::npos);
  EXPECT_EQ(check_minimum(json, "hota.HOTA.Total=1"), "");
  EXPECT_EQ(check_minimum(json, "mota.Total=-20"), "");
  for (const char* bad :
       {"ap.Total", "ap.Total=", "ap.Total=x", "ap.Total=1e999", "ap.Nose=1", "ap=1", "=1", "ap.Total.x=1", "ap.Total=80%"}) {
    EXPECT_THROW(check_minimum(json, bad), Error) << bad;
  }
}

TEST(MetricsOutput, UndefinedValuesAreNullAndFailAMinimum) {
  PoseEvalResult result;
  ApResult ap;
  ap.ap.fill(kNan);
  result.total.ap = ap;
  const auto json = metrics_json(result);
  EXPECT_TRUE(json.at("total").at("ap").at("Total").is_null());
  EXPECT_NE(check_minimum(json, "ap.Total=-1000"), "");
}

TEST(MetricsOutput, CocoFileAndIntervals) {
  CocoOptions options;
  options.resamples = 200;
  const CocoReport report = evaluate_coco(golden("coco_kpt/gt.json"), golden("coco_kpt/results.json"), options);
  const auto json = metrics_json(report);
  EXPECT_EQ(json.at("protocol"), "coco");
  const auto want = read_golden("coco_kpt/expected.json");
  const char* names[] = {"AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"};
  for (int m = 0; m < 10; ++m) EXPECT_NEAR(json.at("metrics").at(names[m]).get<double>(), want.at("stats")[m].get<double>(), 1e-9);
  EXPECT_EQ(check_minimum(json, "AP=0.2"), "");
  EXPECT_NE(check_minimum(json, "AP=0.21"), "");
  for (const auto& interval : report.intervals) EXPECT_LT(interval.low, interval.high);
  EXPECT_LT(report.intervals[0].low, report.summary.AP);
  EXPECT_GT(report.intervals[0].high, report.summary.AP);
}

TEST(MetricsOutput, IntervalsDependOnTheSeedOnly) {
  const auto run = [](int threads, std::uint64_t seed) {
    CocoOptions options;
    options.resamples = 50;
    options.threads = threads;
    options.seed = seed;
    return metrics_json(evaluate_coco(golden("coco_kpt/gt.json"), golden("coco_kpt/results.json"), options)).dump();
  };
  EXPECT_EQ(run(1, 4), run(3, 4));
  EXPECT_NE(run(1, 4), run(1, 5));
}

// One resample that draws every image once would be the result itself: a data set of one image has only that draw.
TEST(MetricsOutput, BootstrapOfOneImageIsTheResult) {
  OksImage image;
  for (int g = 0; g < 3; ++g) {
    OksGroundTruth gt{.area = 5000, .num_keypoints = 17};
    OksDetection dt{.score = 0.5 + 0.1 * g};
    for (int k = 0; k < 17; ++k) {
      gt.keypoints.insert(gt.keypoints.end(), {100.0 * g + k, 3.0 * k, 2});
      dt.keypoints.insert(dt.keypoints.end(), {100.0 * g + k + (g == 2 ? 300 : 2), 3.0 * k, 1});
    }
    image.gt.push_back(gt);
    image.dt.push_back(dt);
  }
  const OksResult result = evaluate_oks({&image, 1});
  EXPECT_GT(result.summary.AP, 0.1);
  EXPECT_LT(result.summary.AP, 0.9);
  const auto intervals = bootstrap_oks(result, 5, 1);
  EXPECT_DOUBLE_EQ(intervals[0].low, result.summary.AP);
  EXPECT_DOUBLE_EQ(intervals[0].high, result.summary.AP);
}

TEST(MetricsOutput, KeypointErrorsOfMadeUpMistakes) {
  const std::vector<std::string> names{"nose", "left", "right"};
  const std::vector<int> flip{0, 2, 1};
  const std::vector<double> sigmas{.05, .05, .05};
  OksImage image;
  image.gt.push_back({.keypoints = {50, 50, 2, 40, 80, 2, 60, 80, 2}, .area = 10000, .num_keypoints = 3});
  image.gt.push_back({.keypoints = {150, 50, 2, 140, 80, 2, 160, 80, 2}, .area = 10000, .num_keypoints = 3});
  image.dt.push_back({{50, 50, 1, 40, 81, 1, 40, 80, 1}, 0.9});    // right at left: inversion
  image.dt.push_back({{150, 50, 1, 150, 80, 1, 60, 80, 1}, 0.8});  // left 10 px off: jitter; right at the other's: swap
  image.dt.push_back({{400, 400, 1, 400, 400, 1, 400, 400, 1}, 0.2});
  const OksResult result = evaluate_oks({&image, 1}, {.sigmas = sigmas});
  const KeypointErrors errors = analyse_keypoints({&image, 1}, result, names, flip, sigmas);
  EXPECT_EQ(errors.persons, 2);
  EXPECT_EQ(errors.matched, 2);
  EXPECT_EQ(errors.keypoints[0].good, 2);
  EXPECT_EQ(errors.keypoints[1].good, 1);
  EXPECT_EQ(errors.keypoints[1].jitter, 1);
  EXPECT_EQ(errors.keypoints[2].inversion, 1);
  EXPECT_EQ(errors.keypoints[2].swap, 1);
  EXPECT_EQ(errors.matched_scores[19], 1);
  EXPECT_EQ(errors.matched_scores[17], 1);
  EXPECT_EQ(errors.unmatched_scores[4], 1);
}

TEST(MetricsOutput, MotFolderAndSingleFile) {
  const MotReport both = evaluate_mot(golden("mot_boxes/gt"), golden("mot_boxes/pred"));
  const auto json = metrics_json(both);
  const auto want = read_golden("mot_boxes/expected.json").at("trackeval").at("COMBINED_SEQ");
  EXPECT_EQ(json.at("protocol"), "mot");
  for (const char* name : {"MOTA", "MOTP"})
    EXPECT_NEAR(json.at("total").at(name).get<double>(), want.at("CLEAR").at(name).get<double>(), 1e-12);
  for (const char* name : {"IDF1", "IDP", "IDR"})
    EXPECT_NEAR(json.at("total").at(name).get<double>(), want.at("Identity").at(name).get<double>(), 1e-12);
  EXPECT_EQ(json.at("total").at("IDSW"), want.at("CLEAR").at("IDSW"));
  EXPECT_EQ(json.at("total").at("FP"), 58);
  EXPECT_EQ(json.at("total").at("FN"), 75);
  EXPECT_EQ(json.at("total").at("Frag"), 55);
  EXPECT_EQ(json.at("kits").at("py_motmetrics").at("total").at("num_fragmentations"), 54);
  double hota = 0;
  for (const auto& v : want.at("HOTA").at("HOTA")) hota += v.get<double>() / 19;
  EXPECT_NEAR(json.at("total").at("HOTA").get<double>(), hota, 1e-12);
  const MotReport one = evaluate_mot(golden("mot_boxes/gt/SYN-01/gt/gt.txt"), golden("mot_boxes/pred/SYN-01.txt"));
  ASSERT_EQ(one.sequences.size(), 1u);
  EXPECT_EQ(one.sequences[0].first, "SYN-01");
  EXPECT_EQ(metrics_json(one).at("sequences").at("SYN-01"), json.at("sequences").at("SYN-01"));
}

// A higher IoU demands more: fewer matches, and HOTA, which has its own thresholds, stays.
TEST(MetricsOutput, MinIouMovesClearOnly) {
  MotOptions strict;
  strict.min_iou = 0.8;
  const auto loose = metrics_json(evaluate_mot(golden("mot_boxes/gt"), golden("mot_boxes/pred"))).at("total");
  const auto tight = metrics_json(evaluate_mot(golden("mot_boxes/gt"), golden("mot_boxes/pred"), strict)).at("total");
  EXPECT_LT(tight.at("MOTA").get<double>(), loose.at("MOTA").get<double>());
  EXPECT_GT(tight.at("MOTP").get<double>(), loose.at("MOTP").get<double>());
  EXPECT_EQ(tight.at("HOTA"), loose.at("HOTA"));
}

}  // namespace
}  // namespace vepe::eval
