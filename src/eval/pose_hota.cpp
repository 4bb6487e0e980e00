#include "eval/pose_hota.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/linear_assignment.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

constexpr double kZeroSimilarityDistance = 0.5001;  // the kit's 0.5 and a little

double similarity(double distance) {
  const double s = 1 - distance / kZeroSimilarityDistance;
  return s > 0 ? s : 0;  // also for NaN
}

// Dense numbers for track ids in order of appearance.
class TrackIndex {
 public:
  int operator()(std::int64_t id) { return index_.try_emplace(id, static_cast<int>(index_.size())).first->second; }
  int size() const { return static_cast<int>(index_.size()); }

 private:
  std::unordered_map<std::int64_t, int> index_;
};

// Tracks of everyone in each frame.
struct Tracks {
  std::vector<std::vector<int>> gt, predictions;
  int gt_count = 0, predicted_count = 0;
};

Tracks index_tracks(const EvalSequence& sequence) {
  Tracks tracks;
  TrackIndex gt, predictions;
  for (const EvalFrame& frame : sequence.frames) {
    auto& g = tracks.gt.emplace_back();
    auto& p = tracks.predictions.emplace_back();
    for (const auto& person : frame.gt) g.push_back(gt(person.track_id));
    for (const auto& person : frame.predictions) p.push_back(predictions(person.track_id));
  }
  tracks.gt_count = gt.size();
  tracks.predicted_count = predictions.size();
  return tracks;
}

HotaFrame view_joint(const EvalFrame& frame, const std::vector<int>& gt, const std::vector<int>& predictions, int j) {
  HotaFrame view;
  std::vector<std::size_t> gt_rows, prediction_rows;
  for (std::size_t g = 0; g < gt.size(); ++g) {
    if (frame.gt[g].present[j]) gt_rows.push_back(g), view.gt.push_back(gt[g]);
  }
  for (std::size_t p = 0; p < predictions.size(); ++p) {
    if (frame.predictions[p].present[j]) prediction_rows.push_back(p), view.predictions.push_back(predictions[p]);
  }
  for (std::size_t g : gt_rows) {
    for (std::size_t p : prediction_rows) view.similarities.push_back(similarity(frame.distance(p, g, j)));
  }
  return view;
}

HotaCurves joint_hota(const EvalSequence& sequence, const Tracks& tracks, int j, bool strict, LinearAssignment& solver) {
  std::vector<HotaFrame> frames;
  double gt_total = 0, predicted_total = 0;
  for (std::size_t t = 0; t < sequence.frames.size(); ++t) {
    frames.push_back(view_joint(sequence.frames[t], tracks.gt[t], tracks.predictions[t], j));
    gt_total += static_cast<double>(frames.back().gt.size());
    predicted_total += static_cast<double>(frames.back().predictions.size());
  }
  HotaAccumulator accumulator(tracks.gt_count, tracks.predicted_count);
  if (tracks.gt_count == 0 || tracks.predicted_count == 0) {
    accumulator.add_unmatched(gt_total, predicted_total);
    return accumulator.result();
  }
  std::vector<double> weights;
  if (strict) weights = track_alignment(frames, tracks.gt_count, tracks.predicted_count);
  for (std::size_t t = 0; t < frames.size(); ++t) {
    const HotaFrame& f = frames[t];
    const bool no_gt = sequence.frames[t].gt.empty(), no_predictions = sequence.frames[t].predictions.empty();
    if ((no_gt || no_predictions) && !strict) {
      // The kit adds the counts of the whole sequence here, not those of the frame.
      accumulator.count_tracks(f.gt, f.predictions);
      if (no_gt)
        accumulator.add_unmatched(0, predicted_total);
      else
        accumulator.add_unmatched(gt_total, 0);
      continue;
    }
    accumulator.add_frame(f.gt, f.predictions, assign_frame(f, weights, tracks.predicted_count, solver));
  }
  return accumulator.result();
}

constexpr HotaCurve HotaCurves::*kCounts[] = {&HotaCurves::tp, &HotaCurves::fn, &HotaCurves::fp};
constexpr HotaCurve HotaCurves::*kMeans[] = {&HotaCurves::ass_a, &HotaCurves::ass_re, &HotaCurves::ass_pr,  &HotaCurves::frag_a,
                                             &HotaCurves::loc_a, &HotaCurves::det_a,  &HotaCurves::det_re,  &HotaCurves::det_pr,
                                             &HotaCurves::hota,  &HotaCurves::rhota,  &HotaCurves::fa_hota, &HotaCurves::fa_rhota};

// Counts are summed, everything else is the plain mean over joints (those that are defined).
HotaCurves mean_over_joints(const std::array<HotaCurves, kPoseJoints + 1>& columns) {
  HotaCurves total;
  std::array<double, kPoseJoints> values;
  for (int a = 0; a < kHotaThresholds; ++a) {
    for (auto field : kCounts) {
      for (int j = 0; j < kPoseJoints; ++j) (total.*field)[a] += (columns[j].*field)[a];
    }
    for (auto field : kMeans) {
      for (int j = 0; j < kPoseJoints; ++j) values[j] = (columns[j].*field)[a];
      (total.*field)[a] = mean_of_numbers(values);
    }
  }
  for (int j = 0; j < kPoseJoints; ++j) values[j] = columns[j].hota_loc_a0;
  total.hota_loc_a0 = mean_of_numbers(values);
  return total;
}

// By definition a joint that is never annotated has no HOTA; the kit gives it 0.
void undefine_unannotated(HotaCurves& c) {
  if (c.tp[0] + c.fn[0] > 0) return;
  for (auto field : kMeans) (c.*field).fill(kNan);
  c.hota_loc_a0 = kNan;
}

}  // namespace

PoseHota pose_hota(const EvalSequence& sequence, bool strict) {
  PoseHota result;
  LinearAssignment solver;
  const Tracks tracks = index_tracks(sequence);
  for (int j = 0; j < kPoseJoints; ++j) {
    result.columns[j] = joint_hota(sequence, tracks, j, strict, solver);
    if (strict) undefine_unannotated(result.columns[j]);
  }
  result.columns[kPoseJoints] = mean_over_joints(result.columns);
  return result;
}

PoseHota combine_pose_hota(std::span<const PoseHota> sequences, bool strict) {
  PoseHota result;
  std::vector<const HotaCurves*> column(sequences.size());
  for (int j = 0; j <= kPoseJoints; ++j) {
    for (std::size_t s = 0; s < sequences.size(); ++s) column[s] = &sequences[s].columns[j];
    result.columns[j] = combine_hota(column);
    if (strict) undefine_unannotated(result.columns[j]);
  }
  if (strict) result.columns[kPoseJoints] = mean_over_joints(result.columns);
  return result;
}

std::vector<std::pair<const char*, JointValues>> pose_hota_values(const PoseHota& hota) {
  std::vector<std::pair<const char*, JointValues>> values;
  for (int j = 0; j <= kPoseJoints; ++j) {
    const HotaCurves& c = hota.columns[j];
    const auto fields = hota_fields(c);
    if (values.empty()) {
      for (const auto& [name, curve] : fields) values.emplace_back(name, JointValues{});
      for (const char* name : {"HOTA(0)", "LocA(0)", "HOTALocA(0)", "HOTA_TP(0)", "HOTA_FN(0)", "HOTA_FP(0)"}) {
        values.emplace_back(name, JointValues{});
      }
    }
    std::size_t f = 0;
    for (const auto& [name, curve] : fields) {
      const bool count = curve == &c.tp || curve == &c.fn || curve == &c.fp;
      values[f++].second[j] = (count ? 1 : 100) * mean(*curve);
    }
    for (double value : {100 * c.hota[0], 100 * c.loc_a[0], 100 * c.hota_loc_a0, c.tp[0], c.fn[0], c.fp[0]}) {
      values[f++].second[j] = value;
    }
  }
  return values;
}

}  // namespace vepe::eval
