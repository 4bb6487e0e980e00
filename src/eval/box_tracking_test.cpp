#include "eval/box_tracking.h"

#include <gtest/gtest.h>

#include <map>

#include "eval/golden_support.h"
#include "formats/mot.h"

namespace vepe::eval {
namespace {

BoxSequence load(const std::string& name) {
  auto gt = formats::read_mot(golden("mot_boxes/gt/" + name + "/gt/gt.txt"));
  return load_boxes(gt, formats::read_mot(golden("mot_boxes/pred/" + name + ".txt")));
}

void compare(Comparison& comparison, const BoxCounts& counts, const nlohmann::json& kits, const std::string& name,
             const std::string& trackeval_name) {
  const auto& motmetrics = kits.at("py_motmetrics").at(name);
  std::map<std::string, double> got;
  for (const auto& [field, value] : motmetrics_values(counts)) got[field] = value;
  for (const auto& [field, value] : motmetrics.items()) {
    ASSERT_TRUE(got.contains(field)) << field;
    comparison.equal(got[field], value, name + " py-motmetrics " + field);
  }
  got.clear();
  for (const auto& [field, value] : trackeval_values(counts)) got[field] = value;
  std::map<std::string, const HotaCurve*> curves;
  for (const auto& [field, curve] : hota_fields(counts.hota)) curves[std::string(field) == "RHOTA" ? "OWTA" : field] = curve;
  for (const auto& [family, fields] : kits.at("trackeval").at(trackeval_name).items()) {
    for (const auto& [field, value] : fields.items()) {
      if (field == "Frames") continue;
      if (value.is_array()) {
        ASSERT_TRUE(curves.contains(field)) << field;
        for (int a = 0; a < kHotaThresholds; ++a) comparison.equal((*curves[field])[a], value[a], name + " TrackEval " + field);
      } else {
        ASSERT_TRUE(got.contains(field)) << field;
        comparison.equal(got[field], value, name + " TrackEval " + field);
      }
    }
  }
}

TEST(BoxTracking, EqualsBothKits) {
  const auto kits = read_golden("mot_boxes/expected.json");
  std::vector<BoxCounts> counts;
  Comparison comparison("mot_boxes");
  for (const char* name : {"SYN-01", "SYN-02"}) {
    counts.push_back(evaluate_boxes(load(name)));
    compare(comparison, counts.back(), kits, name, name);
  }
  compare(comparison, combine_boxes(counts), kits, "OVERALL", "COMBINED_SEQ");
}

}  // namespace
}  // namespace vepe::eval
