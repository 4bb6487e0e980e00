#include "eval/coco_oks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "eval/numeric.h"
#include "eval/parallel.h"

namespace vepe::eval {
namespace {

constexpr double kAreaLow[kOksAreas] = {0, 32 * 32, 96 * 96};
constexpr double kAreaHigh[kOksAreas] = {1e10, 96 * 96, 1e10};

// np.linspace(.5, .95, 10), digit for digit.
double oks_threshold(int t) { return t == kOksThresholds - 1 ? 0.95 : 0.5 + t * ((0.95 - 0.5) / 9); }

double detection_area(const OksDetection& detection) {
  double x0 = kInfinity, x1 = -kInfinity, y0 = kInfinity, y1 = -kInfinity;
  for (std::size_t k = 0; k + 2 < detection.keypoints.size(); k += 3) {
    x0 = std::min(x0, detection.keypoints[k]);
    x1 = std::max(x1, detection.keypoints[k]);
    y0 = std::min(y0, detection.keypoints[k + 1]);
    y1 = std::max(y1, detection.keypoints[k + 1]);
  }
  return (x1 - x0) * (y1 - y0);
}

std::vector<int> order_by_score(const OksImage& image, int limit) {
  std::vector<int> order(image.dt.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return image.dt[a].score > image.dt[b].score; });
  if (order.size() > static_cast<std::size_t>(limit)) order.resize(limit);
  return order;
}

// The kit's greedy matching of one image in one area range.
OksImageOutcome match_image(const OksImage& image, std::span<const double> oks, int area, const OksOptions& options) {
  OksImageOutcome outcome;
  const int G = static_cast<int>(image.gt.size());
  outcome.empty = image.gt.empty() && image.dt.empty();
  const auto outside = [area](double value) { return value < kAreaLow[area] || value > kAreaHigh[area]; };

  std::vector<char> ignored(G);
  for (int g = 0; g < G; ++g) {
    ignored[g] = image.gt[g].iscrowd || image.gt[g].num_keypoints == 0 || outside(image.gt[g].area);
    outcome.positives += !ignored[g];
  }
  std::vector<int> order(G);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return ignored[a] < ignored[b]; });

  std::vector<std::uint16_t> taken(G, 0);
  for (int d : order_by_score(image, options.max_detections)) {
    OksDetectionOutcome result{.score = image.dt[d].score, .detection = d};
    const bool area_outside = outside(detection_area(image.dt[d]));
    for (int t = 0; t < kOksThresholds; ++t) {
      const std::uint16_t bit = static_cast<std::uint16_t>(1u << t);
      double best = std::min(oks_threshold(t), 1 - 1e-10);
      int match = -1;
      for (int g : order) {
        if ((taken[g] & bit) && !image.gt[g].iscrowd) continue;
        if (match >= 0 && !ignored[match] && ignored[g]) break;
        if (oks[d * G + g] < best) continue;
        best = oks[d * G + g];
        match = g;
      }
      result.gt[t] = match;
      const bool counts = match >= 0 && (options.strict_definition || image.gt[match].id != 0);
      if (counts) result.matched |= bit;
      if (match >= 0) taken[match] |= bit;
      if ((match >= 0 && ignored[match]) || (!counts && area_outside)) result.ignored |= bit;
    }
    outcome.detections.push_back(result);
  }
  return outcome;
}

struct RankedDetection {
  double score;
  std::size_t image;
  std::uint16_t matched, ignored;
};

// The detections of all images by falling score; equal scores keep the order of images.
std::vector<RankedDetection> rank(const std::vector<OksImageOutcome>& outcomes, std::span<const std::size_t> image_order) {
  std::vector<RankedDetection> ranked;
  for (std::size_t image : image_order) {
    for (const auto& d : outcomes[image].detections) ranked.push_back({d.score, image, d.matched, d.ignored});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return ranked;
}

// Precision at the 101 recalls, and the final recall, with image i counted copies[i] times.
void accumulate(const std::vector<RankedDetection>& ranked, std::int64_t positives, int t, std::span<const std::uint32_t> copies,
                bool strict, double* precision, double* recall, std::vector<double>& rc, std::vector<double>& pr) {
  if (positives == 0) {
    std::fill(precision, precision + kOksRecalls, -1.0);
    *recall = -1;
    return;
  }
  rc.clear();
  pr.clear();
  double tp = 0, fp = 0;
  const double epsilon = strict ? 0 : kEpsilon;
  const std::uint16_t bit = static_cast<std::uint16_t>(1u << t);
  for (const auto& d : ranked) {
    for (std::uint32_t copy = 0; copy < copies[d.image]; ++copy) {
      if (!(d.ignored & bit)) ((d.matched & bit) ? tp : fp) += 1;
      rc.push_back(tp / static_cast<double>(positives));
      pr.push_back(tp + fp + epsilon > 0 ? tp / (fp + tp + epsilon) : 0);
    }
  }
  *recall = rc.empty() ? 0 : rc.back();
  for (std::size_t i = pr.size(); i-- > 1;) pr[i - 1] = std::max(pr[i - 1], pr[i]);
  std::size_t i = 0;
  for (int r = 0; r < kOksRecalls; ++r) {
    // np.linspace(0, 1, 101), digit for digit: 0.57 and its like are a digit too large, so a recall of exactly 57 % fails.
    const double threshold = strict ? r / 100.0 : r == kOksRecalls - 1 ? 1.0 : r * 0.01;
    while (i < rc.size() && rc[i] < threshold) ++i;
    precision[r] = i < pr.size() ? pr[i] : 0;
  }
}

double mean_of_counted(std::span<const double> values) {
  std::vector<double> counted;
  for (double v : values) {
    if (v > -1) counted.push_back(v);
  }
  return counted.empty() ? -1 : mean(counted);
}

OksSummary summarise(const OksCurves& c) {
  const auto ap = [&](int area) { return mean_of_counted({&c.precision[area][0][0], kOksThresholds * kOksRecalls}); };
  const auto ap_at = [&](int t) { return mean_of_counted(c.precision[0][t]); };
  const auto ar = [&](int area) { return mean_of_counted(c.recall[area]); };
  return {ap(0), ap_at(0), ap_at(5), ap(1), ap(2), ar(0), c.recall[0][0], c.recall[0][5], ar(1), ar(2)};
}

void accumulate_all(const std::array<std::vector<RankedDetection>, kOksAreas>& ranked,
                    const std::array<std::vector<OksImageOutcome>, kOksAreas>& outcomes, std::span<const std::uint32_t> copies,
                    bool strict, OksCurves& curves) {
  std::vector<double> rc, pr;
  for (int area = 0; area < kOksAreas; ++area) {
    std::int64_t positives = 0;
    for (std::size_t i = 0; i < copies.size(); ++i) positives += static_cast<std::int64_t>(copies[i]) * outcomes[area][i].positives;
    for (int t = 0; t < kOksThresholds; ++t) {
      accumulate(ranked[area], positives, t, copies, strict, curves.precision[area][t], &curves.recall[area][t], rc, pr);
    }
  }
}

// Linear between the order statistics; -1 for no values. Sorts `values`.
double percentile(std::vector<double>& values, double fraction) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  const double position = fraction * static_cast<double>(values.size() - 1);
  const std::size_t below = static_cast<std::size_t>(position), above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

void check(const OksImage& image, std::size_t joints) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kInput, "image " + std::to_string(image.id), what,
                "fix the file, or pass --lenient to leave such persons out");
  };
  const auto check_keypoints = [&](const std::vector<double>& keypoints, const char* owner) {
    if (keypoints.size() != 3 * joints) {
      fail(std::string(owner) + " has " + std::to_string(keypoints.size()) + " keypoint numbers, want " +
           std::to_string(3 * joints));
    }
    for (double v : keypoints) {
      if (!std::isfinite(v)) fail(std::string(owner) + " has a keypoint that is not finite");
    }
  };
  for (const auto& gt : image.gt) {
    check_keypoints(gt.keypoints, "a person");
    if (!std::isfinite(gt.area)) fail("a person has an area that is not finite");
  }
  for (const auto& dt : image.dt) {
    check_keypoints(dt.keypoints, "a detection");
    if (!std::isfinite(dt.score)) fail("a detection has a score that is not finite");
  }
}

}  // namespace

const std::vector<double>& coco_sigmas() {
  static const std::vector<double> sigmas = {.26 / 10,  .25 / 10, .25 / 10, .35 / 10, .35 / 10, .79 / 10,
                                             .79 / 10,  .72 / 10, .72 / 10, .62 / 10, .62 / 10, 1.07 / 10,
                                             1.07 / 10, .87 / 10, .87 / 10, .89 / 10, .89 / 10};
  return sigmas;
}

std::array<std::pair<const char*, double>, 10> summary_values(const OksSummary& s) {
  return {{{"AP", s.AP},
           {"AP50", s.AP50},
           {"AP75", s.AP75},
           {"APm", s.APm},
           {"APl", s.APl},
           {"AR", s.AR},
           {"AR50", s.AR50},
           {"AR75", s.AR75},
           {"ARm", s.ARm},
           {"ARl", s.ARl}}};
}

std::vector<double> oks_matrix(const OksImage& image, std::span<const double> sigmas) {
  const std::size_t K = sigmas.size(), G = image.gt.size();
  std::vector<double> matrix(image.dt.size() * G), terms;
  for (std::size_t g = 0; g < G; ++g) {
    const OksGroundTruth& gt = image.gt[g];
    int labelled = 0;
    for (std::size_t k = 0; k < K; ++k) labelled += gt.keypoints[3 * k + 2] > 0;
    const double x0 = gt.bbox[0] - gt.bbox[2], x1 = gt.bbox[0] + gt.bbox[2] * 2;
    const double y0 = gt.bbox[1] - gt.bbox[3], y1 = gt.bbox[1] + gt.bbox[3] * 2;
    for (std::size_t d = 0; d < image.dt.size(); ++d) {
      terms.clear();
      for (std::size_t k = 0; k < K; ++k) {
        if (labelled > 0 && !(gt.keypoints[3 * k + 2] > 0)) continue;
        const double x = image.dt[d].keypoints[3 * k], y = image.dt[d].keypoints[3 * k + 1];
        const double dx = labelled > 0 ? x - gt.keypoints[3 * k] : std::max(0.0, x0 - x) + std::max(0.0, x - x1);
        const double dy = labelled > 0 ? y - gt.keypoints[3 * k + 1] : std::max(0.0, y0 - y) + std::max(0.0, y - y1);
        const double variance = (sigmas[k] * 2) * (sigmas[k] * 2);
        terms.push_back(std::exp(-((dx * dx + dy * dy) / variance / (gt.area + kEpsilon) / 2)));
      }
      matrix[d * G + g] = pairwise_sum(terms) / static_cast<double>(terms.size());
    }
  }
  return matrix;
}

OksResult evaluate_oks(std::span<const OksImage> images, const OksOptions& options) {
  const std::vector<double>& sigmas = options.sigmas.empty() ? coco_sigmas() : options.sigmas;
  if (options.max_detections < 1) throw Error(ErrorCode::kUsage, "max_detections", "must be at least 1");
  OksResult result;
  for (auto& outcomes : result.outcomes) outcomes.resize(images.size());
  parallel_for(images.size(), options.threads, [&](std::size_t i) {
    check(images[i], sigmas.size());
    const std::vector<double> oks = oks_matrix(images[i], sigmas);
    for (int area = 0; area < kOksAreas; ++area) result.outcomes[area][i] = match_image(images[i], oks, area, options);
  });

  std::vector<std::size_t> order(images.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return images[a].id < images[b].id; });
  std::array<std::vector<RankedDetection>, kOksAreas> ranked;
  for (int area = 0; area < kOksAreas; ++area) ranked[area] = rank(result.outcomes[area], order);
  const std::vector<std::uint32_t> once(images.size(), 1);
  accumulate_all(ranked, result.outcomes, once, options.strict_definition, result.curves);
  result.summary = summarise(result.curves);
  return result;
}

std::array<Interval, 10> bootstrap_oks(const OksResult& result, int resamples, std::uint64_t seed, double level, int threads,
                                       bool strict_definition) {
  if (resamples < 1 || !(level > 0 && level < 1))
    throw Error(ErrorCode::kUsage, "bootstrap", "wants at least 1 resample and 0 < level < 1");
  const std::size_t images = result.outcomes[0].size();
  std::vector<std::size_t> order(images);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::array<std::vector<RankedDetection>, kOksAreas> ranked;
  for (int area = 0; area < kOksAreas; ++area) ranked[area] = rank(result.outcomes[area], order);

  std::vector<std::array<double, 10>> values(resamples);
  parallel_for(values.size(), threads, [&](std::size_t b) {
    Random random(seed, b);
    std::vector<std::uint32_t> copies(images, 0);
    for (std::size_t i = 0; i < images; ++i) ++copies[random.integer(0, static_cast<std::int64_t>(images) - 1)];
    OksCurves curves;
    accumulate_all(ranked, result.outcomes, copies, strict_definition, curves);
    const auto named = summary_values(summarise(curves));
    for (int m = 0; m < 10; ++m) values[b][m] = named[m].second;
  });

  std::array<Interval, 10> intervals;
  for (int m = 0; m < 10; ++m) {
    std::vector<double> sorted;
    for (const auto& v : values) {
      if (v[m] > -1) sorted.push_back(v[m]);
    }
    intervals[m] = {percentile(sorted, (1 - level) / 2), percentile(sorted, (1 + level) / 2)};
  }
  return intervals;
}

}  // namespace vepe::eval
