#include <gtest/gtest.h>

#include "eval/golden_support.h"
#include "eval/posetrack_eval.h"
#include "formats/joints.h"

namespace vepe::eval {
namespace {

void compare_list(Comparison& comparison, const JointValues& got, const nlohmann::json& want, const std::string& what) {
  ASSERT_EQ(want.size(), got.size());
  for (std::size_t j = 0; j < got.size(); ++j) comparison.equal(got[j], want[j], what + "[" + std::to_string(j) + "]");
}

struct PosevalCase {
  const char* folder;
  const char* expected;
  PoseProtocol protocol;
};

void PrintTo(const PosevalCase& c, std::ostream* out) { *out << c.folder; }

class PosevalGolden : public testing::TestWithParam<PosevalCase> {};

void compare_poseval(Comparison& comparison, const PoseMetrics& got, const std::string& stem) {
  const auto ap = read_golden(stem + "_AP_metrics.json");
  compare_list(comparison, got.ap->ap, ap.at("ap"), stem + " ap");
  compare_list(comparison, got.ap->precision, ap.at("pre"), stem + " pre");
  compare_list(comparison, got.ap->recall, ap.at("rec"), stem + " rec");
  const auto mot = read_golden(stem + "_MOT_metrics.json");
  compare_list(comparison, got.mota->mota, mot.at("mota"), stem + " mota");
  compare_list(comparison, got.mota->motp, mot.at("motp"), stem + " motp");
  compare_list(comparison, got.mota->precision, mot.at("pre"), stem + " mot pre");
  compare_list(comparison, got.mota->recall, mot.at("rec"), stem + " mot rec");
}

TEST_P(PosevalGolden, EveryNumber) {
  const PosevalCase& c = GetParam();
  PoseEvalOptions options;
  options.protocol = c.protocol;
  options.hota = false;
  const std::string folder = c.folder;
  const PoseEvalResult result = evaluate_posetrack(golden(folder + "/gt"), golden(folder + "/pred"), options);
  Comparison comparison("poseval " + folder);
  const std::string expected = folder + "/" + c.expected + "/";
  compare_poseval(comparison, result.total, expected + "total");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden(folder + "/gt")))
    files += entry.path().extension() == ".json";
  EXPECT_EQ(static_cast<int>(result.sequences.size()), files);
  for (const auto& sequence : result.sequences) compare_poseval(comparison, sequence.metrics, expected + sequence.name);
}

// The files of PoseTrack21 go through poseval as those of PoseTrack18 do.
INSTANTIATE_TEST_SUITE_P(All, PosevalGolden,
                         testing::Values(PosevalCase{"poseval_synth/pt17", "expected", PoseProtocol::kPoseTrack17},
                                         PosevalCase{"poseval_synth/pt18", "expected", PoseProtocol::kPoseTrack18},
                                         PosevalCase{"poseval_real", "expected", PoseProtocol::kPoseTrack18},
                                         PosevalCase{"posetrack21_synth", "expected_poseval", PoseProtocol::kPoseTrack18}));

// Columns of the PoseTrack21 kit: nose, neck, head top, left shoulder .. right ankle, then the total.
constexpr int kKit21Column[kPoseJoints + 1] = {13, 12, 14, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0, 15};

void compare_hota(Comparison& comparison, const PoseHota& got, const nlohmann::json& want, const std::string& what) {
  for (int column = 0; column <= kPoseJoints; ++column) {
    const HotaCurves& c = got.columns[kKit21Column[column]];
    for (const auto& [field, curve] : hota_fields(c)) {
      for (int a = 0; a < kHotaThresholds; ++a) {
        comparison.equal((*curve)[a], want.at(field)[a][column],
                         what + " " + field + " " + std::to_string(a) + " " + std::to_string(column));
      }
    }
    comparison.equal(c.hota[0], want.at("HOTA(0)")[column], what + " HOTA(0)");
    comparison.equal(c.loc_a[0], want.at("LocA(0)")[column], what + " LocA(0)");
    comparison.equal(c.hota_loc_a0, want.at("HOTALocA(0)")[column], what + " HOTALocA(0)");
    comparison.equal(c.tp[0], want.at("HOTA_TP(0)")[column], what + " HOTA_TP(0)");
    comparison.equal(c.fn[0], want.at("HOTA_FN(0)")[column], what + " HOTA_FN(0)");
    comparison.equal(c.fp[0], want.at("HOTA_FP(0)")[column], what + " HOTA_FP(0)");
  }
}

void compare_ap21(Comparison& comparison, const ApResult& got, const nlohmann::json& want, const std::string& what) {
  const std::pair<const char*, const JointValues*> fields[] = {
      {"map", &got.ap}, {"precision", &got.precision}, {"recall", &got.recall}};
  for (const auto& [field, values] : fields) {
    const auto groups = group_means(*values);
    for (int k = 0; k < kJointGroups; ++k)
      comparison.equal(groups[k], want.at(field).at(kGroupNames[k]), what + " " + field + " " + kGroupNames[k]);
  }
}

class PoseTrack21Golden : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(PoseTrack21Golden, EveryNumber) {
  const auto [folder, expected] = GetParam();
  PoseEvalOptions options;
  options.protocol = PoseProtocol::kPoseTrack21;
  options.mota = false;
  const PoseEvalResult result =
      evaluate_posetrack(golden(std::string(folder) + "/gt"), golden(std::string(folder) + "/pred"), options);
  const auto ap = read_golden(std::string(folder) + "/" + expected + "/ap.json");
  const auto hota = read_golden(std::string(folder) + "/" + expected + "/hota.json");
  Comparison ap_comparison(std::string("PoseTrack21 AP ") + folder), hota_comparison(std::string("PoseTrack21 HOTA ") + folder);
  for (int a = 0; a < kHotaThresholds; ++a) EXPECT_EQ(hota_threshold(a), hota.at("_array_labels")[a].get<double>());
  EXPECT_EQ(result.sequences.size() + 1, ap.size());
  for (const auto& sequence : result.sequences) {
    compare_ap21(ap_comparison, *sequence.metrics.ap, ap.at(sequence.name + ".json"), sequence.name);
    compare_hota(hota_comparison, *sequence.metrics.hota, hota.at(sequence.name + ".json"), sequence.name);
  }
  compare_ap21(ap_comparison, *result.total.ap, ap.at("COMBINED_SEQ"), "total");
  compare_hota(hota_comparison, *result.total.hota, hota.at("COMBINED_SEQ"), "total");
}

INSTANTIATE_TEST_SUITE_P(All, PoseTrack21Golden,
                         testing::Values(std::pair{"posetrack21_synth", "expected"},
                                         std::pair{"poseval_real", "expected_posetrack21"}));

}  // namespace
}  // namespace vepe::eval
