// A second, plain implementation of COCO's keypoint AP and AR, written from the definitions.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "eval/coco_oks.h"

namespace vepe::eval {
namespace {

struct Judged {
  double score;
  bool correct, ignored;
};

double reference_oks(const OksGroundTruth& gt, const OksDetection& dt) {
  double sum = 0, count = 0;
  const bool has_points =
      std::any_of(coco_sigmas().begin(), coco_sigmas().end(), [&, k = 0](double) mutable { return gt.keypoints[3 * k++ + 2] > 0; });
  for (int k = 0; k < 17; ++k) {
    if (has_points && gt.keypoints[3 * k + 2] <= 0) continue;
    double dx = dt.keypoints[3 * k] - gt.keypoints[3 * k], dy = dt.keypoints[3 * k + 1] - gt.keypoints[3 * k + 1];
    if (!has_points) {  // distance to the box, doubled about its centre
      const double cx = gt.bbox[0] + gt.bbox[2] / 2, cy = gt.bbox[1] + gt.bbox[3] / 2;
      dx = std::max(0.0, std::abs(dt.keypoints[3 * k] - cx) - 1.5 * gt.bbox[2]);
      dy = std::max(0.0, std::abs(dt.keypoints[3 * k + 1] - cy) - 1.5 * gt.bbox[3]);
    }
    sum += std::exp(-(dx * dx + dy * dy) / (8 * coco_sigmas()[k] * coco_sigmas()[k] * gt.area));
    ++count;
  }
  return sum / count;
}

// Recall and the mean of the 101 interpolated precisions at one threshold and range of areas; -1, -1 without positives.
std::pair<double, double> reference_ap(std::vector<OksImage> images, double threshold, double low, double high) {
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<Judged> all;
  double positives = 0;
  for (const auto& image : images) {
    std::vector<int> regular, ignored;
    for (int g = 0; g < static_cast<int>(image.gt.size()); ++g) {
      const auto& gt = image.gt[g];
      const bool ignore = gt.iscrowd || gt.num_keypoints == 0 || gt.area < low || gt.area > high;
      (ignore ? ignored : regular).push_back(g);
    }
    positives += static_cast<double>(regular.size());
    std::vector<const OksDetection*> detections;
    for (const auto& dt : image.dt) detections.push_back(&dt);
    std::stable_sort(detections.begin(), detections.end(), [](auto a, auto b) { return a->score > b->score; });
    detections.resize(std::min<std::size_t>(20, detections.size()));
    std::vector<bool> taken(image.gt.size(), false);
    for (const auto* dt : detections) {
      // The best free regular person first; an ignored one only if there is none.
      int match = -1;
      for (const auto* group : {&regular, &ignored}) {
        double best = threshold;
        for (int g : *group) {
          if (taken[g] && !image.gt[g].iscrowd) continue;
          if (reference_oks(image.gt[g], *dt) >= best) best = reference_oks(image.gt[g], *dt), match = g;
        }
        if (match >= 0) break;
      }
      double x0 = 1e18, x1 = -1e18, y0 = 1e18, y1 = -1e18;
      for (int k = 0; k < 17; ++k) {
        x0 = std::min(x0, dt->keypoints[3 * k]), x1 = std::max(x1, dt->keypoints[3 * k]);
        y0 = std::min(y0, dt->keypoints[3 * k + 1]), y1 = std::max(y1, dt->keypoints[3 * k + 1]);
      }
      const double area = (x1 - x0) * (y1 - y0);
      if (match >= 0) taken[match] = true;
      const bool ignore = match >= 0 ? std::count(ignored.begin(), ignored.end(), match) > 0 : area < low || area > high;
      all.push_back({dt->score, match >= 0, ignore});
    }
  }
  if (positives == 0) return {-1, -1};
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<std::pair<double, double>> curve;  // recall, precision
  double tp = 0, fp = 0;
  for (const auto& d : all) {
    if (!d.ignored) (d.correct ? tp : fp) += 1;
    curve.emplace_back(tp / positives, tp + fp > 0 ? tp / (tp + fp) : 0);
  }
  double sum = 0;
  for (int r = 0; r <= 100; ++r) {  // the kit compares with r * 0.01, which is above r / 100 for some r
    double best = 0;
    for (const auto& [recall, precision] : curve) {
      if (recall >= r * 0.01) best = std::max(best, precision);
    }
    sum += best;
  }
  return {curve.empty() ? 0 : curve.back().first, sum / 101};
}

std::vector<OksImage> random_images(int seed) {
  Random random(seed, 9);
  std::vector<OksImage> images(random.integer(1, 6));
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].id = static_cast<std::int64_t>((i * 7 + 3) % 11);
    for (int g = static_cast<int>(random.integer(0, 4)); g > 0; --g) {
      OksGroundTruth gt;
      const double x = random.uniform(0, 200), y = random.uniform(0, 200), size = random.uniform(15, 220);
      gt.bbox = {x, y, size, 1.6 * size};
      gt.area = size * size * random.uniform(0.5, 1.2);
      gt.iscrowd = random.chance(0.1);
      const bool empty = random.chance(0.15);
      for (int k = 0; k < 17; ++k) {
        const bool labelled = !empty && random.chance(0.8);
        gt.num_keypoints += labelled;
        gt.keypoints.insert(gt.keypoints.end(), {labelled ? x + random.uniform(0, size) : 0,
                                                 labelled ? y + random.uniform(0, 1.6 * size) : 0, labelled ? 2.0 : 0.0});
      }
      if (random.chance(0.8)) {
        OksDetection dt{gt.keypoints, random.uniform()};
        const double noise = random.uniform(0, 0.12) * size;
        for (int k = 0; k < 17; ++k) {
          if (gt.keypoints[3 * k + 2] == 0)
            dt.keypoints[3 * k] = x + random.uniform(0, size), dt.keypoints[3 * k + 1] = y + random.uniform(0, size);
          dt.keypoints[3 * k] += noise * random.normal();
          dt.keypoints[3 * k + 1] += noise * random.normal();
        }
        images[i].dt.push_back(dt);
      }
      images[i].gt.push_back(gt);
    }
    for (int d = static_cast<int>(random.integer(0, seed % 10 == 0 ? 25 : 3)); d > 0; --d) {
      OksDetection dt{{}, random.uniform()};
      for (int k = 0; k < 17; ++k) dt.keypoints.insert(dt.keypoints.end(), {random.uniform(0, 300), random.uniform(0, 300), 1});
      images[i].dt.push_back(dt);
    }
  }
  return images;
}

TEST(OksReference, AgreesOn200RandomCases) {
  const double low[] = {0, 1024, 9216}, high[] = {1e10, 9216, 1e10};
  double total = 0;
  for (int seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const auto images = random_images(seed);
    const OksResult got = evaluate_oks(images);
    double ap[3] = {0, 0, 0};
    for (int area = 0; area < kOksAreas; ++area) {
      for (int t = 0; t < kOksThresholds; ++t) {
        const auto [recall, precision] = reference_ap(images, 0.5 + 0.05 * t, low[area], high[area]);
        EXPECT_NEAR(got.curves.recall[area][t], recall, 1e-9);
        double mean = 0;
        for (double p : got.curves.precision[area][t]) mean += p / kOksRecalls;
        EXPECT_NEAR(mean, precision, 1e-9);
        ap[area] += precision / kOksThresholds;
      }
    }
    EXPECT_NEAR(got.summary.AP, ap[0], 1e-9);
    EXPECT_NEAR(got.summary.APm, ap[1], 1e-9);
    EXPECT_NEAR(got.summary.APl, ap[2], 1e-9);
    total += got.summary.AP;
    if (HasFailure()) break;
  }
  EXPECT_GT(total, 20);
}

}  // namespace
}  // namespace vepe::eval
