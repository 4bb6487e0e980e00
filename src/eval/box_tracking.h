#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/clear_mot.h"
#include "eval/hota.h"
#include "formats/pose_data.h"

namespace vepe::eval {

struct TrackedBox {
  std::int64_t id = 0;
  formats::Box box;
};

struct BoxFrame {
  std::vector<TrackedBox> gt, predictions;
};

// The frames 1 .. n of one MOT sequence, n = the last one that has a box.
struct BoxSequence {
  std::string name;
  std::vector<BoxFrame> frames;
};

// Pairs the frames of a MOT ground truth and result. Ground truth with a confidence below 1 does not count. Throws
// Error(kInput) naming sequence and frame for an id that stands twice in a frame, boxes without an id and values that
// are not finite; with `skipped` such boxes are left out and listed.
BoxSequence load_boxes(const formats::Sequence& gt, const formats::Sequence& predictions,
                       std::vector<formats::Skipped>* skipped = nullptr);

// Global identity assignment (Ristani et al. 2016).
struct IdentityCounts {
  std::int64_t tp = 0, fn = 0, fp = 0;
};

// Counts of TrackEval's CLEAR, whose matching and fragments differ from py-motmetrics.
struct TrackEvalClear {
  std::int64_t tp = 0, fn = 0, fp = 0, switches = 0, fragments = 0, frames = 0;
  std::int64_t mostly_tracked = 0, partly_tracked = 0, mostly_lost = 0;
  double similarity = 0;  // sum over tp
};

struct BoxCounts {
  ClearCounts clear;                                                                            // py-motmetrics
  std::int64_t fragmentations = 0, mostly_tracked = 0, partially_tracked = 0, mostly_lost = 0;  // py-motmetrics
  std::int64_t gt_boxes = 0, predicted_boxes = 0, gt_ids = 0, predicted_ids = 0;
  IdentityCounts identity;
  TrackEvalClear trackeval;
  HotaCurves hota;
};

// `min_iou`: pairs below it are not allowed in CLEAR and identity (HOTA has its own thresholds).
BoxCounts evaluate_boxes(const BoxSequence& sequence, double min_iou = 0.5);
BoxCounts combine_boxes(std::span<const BoxCounts> sequences);

using NamedValues = std::vector<std::pair<std::string, double>>;
NamedValues motmetrics_values(const BoxCounts& counts);  // under py-motmetrics' names; fractions and counts
NamedValues trackeval_values(const BoxCounts& counts);   // under TrackEval's names; HOTA fields as means over thresholds
NamedValues mot_summary(const BoxCounts& counts);        // MOTA MOTP IDF1 IDP IDR IDSW FP FN Frag HOTA DetA AssA ..

double box_iou(const formats::Box& a, const formats::Box& b);

}  // namespace vepe::eval
