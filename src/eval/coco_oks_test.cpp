#include "eval/coco_oks.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "eval/golden_support.h"
#include "formats/coco.h"

namespace vepe::eval {
namespace {

std::vector<OksImage> golden_images() {
  const auto gt = formats::read_coco(golden("coco_kpt/gt.json"));
  return make_oks_images(gt.poses, formats::read_coco_results(golden("coco_kpt/results.json")));
}

TEST(CocoOks, EqualsTheKit) {
  const auto want = read_golden("coco_kpt/expected.json");
  const auto images = golden_images();
  const OksResult result = evaluate_oks(images);
  Comparison comparison("coco_kpt");
  const auto summary = summary_values(result.summary);
  for (int m = 0; m < 10; ++m) comparison.equal(summary[m].second, want.at("stats")[m], summary[m].first);
  for (int t = 0; t < kOksThresholds; ++t) {
    for (int area = 0; area < kOksAreas; ++area) {
      comparison.equal(result.curves.recall[area][t], want.at("recall")[t][area], "recall");
      double sum = 0;
      for (double p : result.curves.precision[area][t]) sum += p;
      comparison.equal(sum / kOksRecalls, want.at("mean_precision")[t][area], "mean precision");
    }
    for (int r = 0; r < kOksRecalls; ++r) {
      comparison.equal(result.curves.precision[0][t][r], want.at("precision_full_area_all")[t][r], "precision");
    }
  }
  EXPECT_EQ(images.size(), want.at("counts").at("images").get<std::size_t>());
}

// The kit's matrices list detections by falling score.
TEST(CocoOks, SimilaritiesEqualTheKit) {
  const auto want = read_golden("coco_kpt/expected.json");
  Comparison comparison("coco_kpt OKS matrices");
  const auto images = golden_images();
  int compared = 0;
  for (const auto& entry : want.at("oks")) {
    const auto image = std::find_if(images.begin(), images.end(),
                                    [&](const auto& i) { return i.id == entry.at("image_id").template get<std::int64_t>(); });
    ASSERT_NE(image, images.end());
    const auto& matrix = entry.at("matrix");
    const auto oks = oks_matrix(*image, coco_sigmas());
    std::vector<std::size_t> order(image->dt.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return image->dt[a].score > image->dt[b].score; });
    for (std::size_t d = 0; d < matrix.size(); ++d) {
      for (std::size_t g = 0; g < matrix[d].size(); ++g)
        comparison.equal(oks[order[d] * image->gt.size() + g], matrix[d][g], "OKS");
      ++compared;
    }
  }
  EXPECT_GT(compared, 100);
}

}  // namespace
}  // namespace vepe::eval
