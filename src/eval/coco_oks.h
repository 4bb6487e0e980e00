#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/pose_data.h"

namespace vepe::eval {

// COCO keypoint AP and AR by object keypoint similarity, equal to pycocotools' COCOeval (iouType "keypoints").

// One annotated person. Lengths in pixels of the image.
struct OksGroundTruth {
  std::vector<double> keypoints;  // [3K]: x, y, v; v > 0 = labelled
  double area = 0;                // pixels^2
  std::array<double, 4> bbox{};   // x, y, width, height
  bool iscrowd = false;
  int num_keypoints = 0;  // 0 = ignored
  std::int64_t id = 1;    // the kit takes a match with annotation 0 for no match
};

// One detected person.
struct OksDetection {
  std::vector<double> keypoints;  // [3K]: x, y, anything
  double score = 0;
};

struct OksImage {
  std::int64_t id = 0;
  std::vector<OksGroundTruth> gt;
  std::vector<OksDetection> dt;  // equal scores keep this order
};

struct OksOptions {
  std::vector<double> sigmas;      // [K]; empty = COCO's 17
  int max_detections = 20;         // an image
  int threads = 0;                 // 0 = all
  bool strict_definition = false;  // textbook precision: no epsilon, annotation 0 counts (docs/metrics.md)
};

inline constexpr int kOksThresholds = 10;  // 0.50, 0.55 .. 0.95
inline constexpr int kOksAreas = 3;        // all, medium, large
inline constexpr int kOksRecalls = 101;    // 0, 0.01 .. 1

// Fractions; -1 where no ground truth counts.
struct OksSummary {
  double AP = -1, AP50 = -1, AP75 = -1, APm = -1, APl = -1;
  double AR = -1, AR50 = -1, AR75 = -1, ARm = -1, ARl = -1;
};

// The names and values of a summary in the kit's order.
std::array<std::pair<const char*, double>, 10> summary_values(const OksSummary& summary);

struct OksCurves {
  double precision[kOksAreas][kOksThresholds][kOksRecalls];  // -1 where no ground truth counts
  double recall[kOksAreas][kOksThresholds];
};

// What became of one detection: at each threshold bit t of `matched` and of `ignored`.
struct OksDetectionOutcome {
  double score = 0;
  std::uint16_t matched = 0, ignored = 0;
  int detection = 0;                     // index in OksImage::dt
  std::array<int, kOksThresholds> gt{};  // index in OksImage::gt, -1 = none
};

// The matching of one image for one range of areas.
struct OksImageOutcome {
  bool empty = true;                            // neither ground truth nor detections
  int positives = 0;                            // ground truth that counts
  std::vector<OksDetectionOutcome> detections;  // by falling score, at most max_detections
};

struct OksResult {
  OksSummary summary;
  OksCurves curves;
  std::array<std::vector<OksImageOutcome>, kOksAreas> outcomes;  // in the order of the images given
};

// OKS of each detection with each ground truth, [dt, gt] row-major, both in the order of `image`.
std::vector<double> oks_matrix(const OksImage& image, std::span<const double> sigmas);

// Images may come in any order (they are taken by rising id). Throws Error(kInput) where a keypoint array does not
// fit the sigmas or a number is not finite.
OksResult evaluate_oks(std::span<const OksImage> images, const OksOptions& options = {});

// A confidence interval of one summary number.
struct Interval {
  double low = 0, high = 0;
};

// Percentile bootstrap over images: `resamples` draws of as many images with replacement, equal for equal seeds at any
// thread count. `level` 0.95 gives the 2.5 % and 97.5 % points. In the order of summary_values().
std::array<Interval, 10> bootstrap_oks(const OksResult& result, int resamples, std::uint64_t seed, double level = 0.95,
                                       int threads = 0, bool strict_definition = false);

// COCO's sigmas of the 17 keypoints.
const std::vector<double>& coco_sigmas();

// Joins annotations and detections by image id. Detections of an unknown image throw Error(kInput), or are listed in
// `skipped` and left out when it is given.
std::vector<OksImage> make_oks_images(const formats::Sequence& gt, const formats::Sequence& predictions,
                                      std::vector<formats::Skipped>* skipped = nullptr);

}  // namespace vepe::eval
