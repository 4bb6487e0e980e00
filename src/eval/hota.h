#pragma once

#include <array>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/linear_assignment.h"

namespace vepe::eval {

inline constexpr int kHotaThresholds = 19;  // 0.05, 0.10 .. 0.95
// The kits' np.arange(0.05, 0.99, 0.05), digit for digit.
inline double hota_threshold(int a) { return 0.05 + a * 0.05; }

using HotaCurve = std::array<double, kHotaThresholds>;

// HOTA of one class of detections (boxes, or one joint) over one sequence or several; fractions. Luiten et al., HOTA
// (IJCV 2021); FragA and the FA- fields are PoseTrack21's.
struct HotaCurves {
  HotaCurve tp{}, fn{}, fp{};
  HotaCurve ass_a{}, ass_re{}, ass_pr{}, frag_a{}, loc_a{};
  HotaCurve det_a{}, det_re{}, det_pr{}, hota{}, rhota{}, fa_hota{}, fa_rhota{};  // from the above by finish()

  double hota_loc_a0 = 0;  // "HOTALocA(0)"

  // Detection accuracies from the counts, and HOTA from both.
  void finish();
};

// The fields in the order and under the names of the kits.
std::vector<std::pair<const char*, const HotaCurve*>> hota_fields(const HotaCurves& curves);

// Sum of counts and TP-weighted means of the association fields over sequences, then finish().
HotaCurves combine_hota(std::span<const HotaCurves* const> sequences);

// Counts the matches of one sequence. Tracks have dense ids 0 .. n - 1.
class HotaAccumulator {
 public:
  HotaAccumulator(int gt_tracks, int predicted_tracks);

  // A frame's pairs of present gt and prediction with their similarity in [0, 1]; all of them, also such at 0.
  struct Pair {
    int gt, prediction;
    double similarity;
  };
  // `gt` and `predictions`: the tracks present; `pairs`: the assignment of this frame.
  void add_frame(std::span<const int> gt, std::span<const int> predictions, std::span<const Pair> pairs);
  // Misses and false positives of a frame without pairs, at all thresholds; the tracks present are counted by count_tracks.
  void add_unmatched(double misses, double false_positives);
  void count_tracks(std::span<const int> gt, std::span<const int> predictions);

  // A sequence without any gt or without any prediction has LocA 1, as in the kits.
  HotaCurves result() const;

 private:
  struct Fragment {
    int gt, prediction, hits;
  };
  double union_of(int g, int h, int hits) const;

  std::vector<int> gt_frames_, predicted_frames_;  // frames in which a track is present
  std::array<double, kHotaThresholds> tp_{}, fn_{}, fp_{}, similarity_{};
  std::map<std::pair<int, int>, std::array<int, kHotaThresholds>> hits_;  // of the few pairs (gt, predicted) that ever match
  std::vector<std::array<int, kHotaThresholds>> open_fragment_;           // [gt] index in fragments_, -1 = none yet
  std::array<std::vector<Fragment>, kHotaThresholds> fragments_;
};

// One frame: the tracks present and their similarities [gt, predictions].
struct HotaFrame {
  std::vector<int> gt, predictions;
  std::vector<double> similarities;
};

// How well each pair of tracks agrees over the whole sequence, [gt_tracks, predicted_tracks] in [0, 1] (HOTA paper,
// section 5: a matching that serves association). PoseTrack21's kit leaves it out.
std::vector<double> track_alignment(const std::vector<HotaFrame>& frames, int gt_tracks, int predicted_tracks);

// The pairs that maximise the sum of similarity times `weights` [gt_tracks, predicted_tracks] (empty: 1).
std::vector<HotaAccumulator::Pair> assign_frame(const HotaFrame& frame, const std::vector<double>& weights,
                                                std::size_t predicted_tracks, LinearAssignment& solver);

}  // namespace vepe::eval
