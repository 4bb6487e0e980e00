#include "eval/hota.h"

#include <algorithm>
#include <cmath>

#include "eval/numeric.h"

namespace vepe::eval {

void HotaCurves::finish() {
  for (int a = 0; a < kHotaThresholds; ++a) {
    det_re[a] = tp[a] / std::max(1.0, tp[a] + fn[a]);
    det_pr[a] = tp[a] / std::max(1.0, tp[a] + fp[a]);
    det_a[a] = tp[a] / std::max(1.0, tp[a] + fn[a] + fp[a]);
    hota[a] = std::sqrt(det_a[a] * ass_a[a]);
    rhota[a] = std::sqrt(det_re[a] * ass_a[a]);
    const double association = std::sqrt(ass_a[a] * frag_a[a]);
    fa_hota[a] = std::sqrt(det_a[a] * association);
    fa_rhota[a] = std::sqrt(det_re[a] * association);
  }
  hota_loc_a0 = hota[0] * loc_a[0];
}

std::vector<std::pair<const char*, const HotaCurve*>> hota_fields(const HotaCurves& c) {
  return {{"HOTA", &c.hota},       {"DetA", &c.det_a},        {"AssA", &c.ass_a},   {"LocA", &c.loc_a},   {"DetRe", &c.det_re},
          {"DetPr", &c.det_pr},    {"AssRe", &c.ass_re},      {"AssPr", &c.ass_pr}, {"FragA", &c.frag_a}, {"RHOTA", &c.rhota},
          {"FA-HOTA", &c.fa_hota}, {"FA-RHOTA", &c.fa_rhota}, {"HOTA_TP", &c.tp},   {"HOTA_FN", &c.fn},   {"HOTA_FP", &c.fp}};
}

HotaCurves combine_hota(std::span<const HotaCurves* const> sequences) {
  HotaCurves total;
  for (int a = 0; a < kHotaThresholds; ++a) {
    double loc = 0;
    for (const HotaCurves* s : sequences) {
      total.tp[a] += s->tp[a];
      total.fn[a] += s->fn[a];
      total.fp[a] += s->fp[a];
      if (s->tp[a] == 0) continue;  // no weight; with strict definitions the means of such a sequence may be NaN
      total.ass_a[a] += s->tp[a] * s->ass_a[a];
      total.ass_re[a] += s->tp[a] * s->ass_re[a];
      total.ass_pr[a] += s->tp[a] * s->ass_pr[a];
      total.frag_a[a] += s->tp[a] * s->frag_a[a];
      loc += s->tp[a] * s->loc_a[a];
    }
    const double weight = std::max(1.0, total.tp[a]);
    for (HotaCurve* mean : {&total.ass_a, &total.ass_re, &total.ass_pr, &total.frag_a}) (*mean)[a] /= weight;
    total.loc_a[a] = std::max(1e-10, loc) / std::max(1e-10, total.tp[a]);
  }
  total.finish();
  return total;
}

HotaAccumulator::HotaAccumulator(int gt_tracks, int predicted_tracks)
    : gt_frames_(gt_tracks, 0), predicted_frames_(predicted_tracks, 0), open_fragment_(gt_tracks) {
  for (auto& fragment : open_fragment_) fragment.fill(-1);
}

void HotaAccumulator::count_tracks(std::span<const int> gt, std::span<const int> predictions) {
  for (int g : gt) ++gt_frames_[g];
  for (int h : predictions) ++predicted_frames_[h];
}

void HotaAccumulator::add_unmatched(double misses, double false_positives) {
  for (int a = 0; a < kHotaThresholds; ++a) {
    fn_[a] += misses;
    fp_[a] += false_positives;
  }
}

void HotaAccumulator::add_frame(std::span<const int> gt, std::span<const int> predictions, std::span<const Pair> pairs) {
  count_tracks(gt, predictions);
  std::array<double, kHotaThresholds> matched{};
  for (const Pair& pair : pairs) {
    if (!(pair.similarity >= hota_threshold(0) - kEpsilon)) continue;
    auto& hits = hits_[{pair.gt, pair.prediction}];
    for (int a = 0; a < kHotaThresholds && pair.similarity >= hota_threshold(a) - kEpsilon; ++a) {
      ++matched[a];
      ++hits[a];
      similarity_[a] += pair.similarity;
      int& open = open_fragment_[pair.gt][a];
      auto& fragments = fragments_[a];
      if (open < 0 || fragments[open].prediction != pair.prediction) {
        open = static_cast<int>(fragments.size());
        fragments.push_back({pair.gt, pair.prediction, 0});
      }
      ++fragments[open].hits;
    }
  }
  for (int a = 0; a < kHotaThresholds; ++a) {
    tp_[a] += matched[a];
    fn_[a] += static_cast<double>(gt.size()) - matched[a];
    fp_[a] += static_cast<double>(predictions.size()) - matched[a];
  }
}

double HotaAccumulator::union_of(int g, int h, int hits) const { return std::max(1, gt_frames_[g] + predicted_frames_[h] - hits); }

HotaCurves HotaAccumulator::result() const {
  HotaCurves c;
  c.tp = tp_;
  c.fn = fn_;
  c.fp = fp_;
  for (const auto& [pair, hits] : hits_) {
    for (int a = 0; a < kHotaThresholds && hits[a] > 0; ++a) {  // hits only fall with the threshold
      const double m = hits[a];
      c.ass_a[a] += m * (m / union_of(pair.first, pair.second, hits[a]));
      c.ass_re[a] += m * (m / std::max(1, gt_frames_[pair.first]));
      c.ass_pr[a] += m * (m / std::max(1, predicted_frames_[pair.second]));
    }
  }
  for (int a = 0; a < kHotaThresholds; ++a) {
    for (const Fragment& f : fragments_[a]) {
      const int hits = hits_.at({f.gt, f.prediction})[a];
      c.frag_a[a] += f.hits * (f.hits / union_of(f.gt, f.prediction, hits));
    }
    const double weight = std::max(1.0, tp_[a]);
    for (HotaCurve* mean : {&c.ass_a, &c.ass_re, &c.ass_pr, &c.frag_a}) (*mean)[a] /= weight;
    c.loc_a[a] = std::max(1e-10, similarity_[a]) / std::max(1e-10, tp_[a]);
  }
  if (gt_frames_.empty() || predicted_frames_.empty()) c.loc_a.fill(1);
  c.finish();
  return c;
}

std::vector<double> track_alignment(const std::vector<HotaFrame>& frames, int gt_tracks, int predicted_tracks) {
  std::vector<double> potential(static_cast<std::size_t>(gt_tracks) * predicted_tracks, 0);
  std::vector<double> gt_frames(gt_tracks, 0), predicted_frames(predicted_tracks, 0);
  for (const HotaFrame& f : frames) {
    const std::size_t G = f.gt.size(), P = f.predictions.size();
    for (int g : f.gt) ++gt_frames[g];
    for (int p : f.predictions) ++predicted_frames[p];
    std::vector<double> rows(G, 0), columns(P, 0);
    for (std::size_t g = 0; g < G; ++g) {
      for (std::size_t p = 0; p < P; ++p) {
        rows[g] += f.similarities[g * P + p];
        columns[p] += f.similarities[g * P + p];
      }
    }
    for (std::size_t g = 0; g < G; ++g) {
      for (std::size_t p = 0; p < P; ++p) {
        const double s = f.similarities[g * P + p], either = rows[g] + columns[p] - s;
        if (either > kEpsilon) potential[static_cast<std::size_t>(f.gt[g]) * predicted_tracks + f.predictions[p]] += s / either;
      }
    }
  }
  for (int g = 0; g < gt_tracks; ++g) {
    for (int p = 0; p < predicted_tracks; ++p) {
      double& value = potential[static_cast<std::size_t>(g) * predicted_tracks + p];
      value /= std::max(1.0, gt_frames[g] + predicted_frames[p] - value);
    }
  }
  return potential;
}

std::vector<HotaAccumulator::Pair> assign_frame(const HotaFrame& f, const std::vector<double>& weights,
                                                std::size_t predicted_tracks, LinearAssignment& solver) {
  const std::size_t G = f.gt.size(), P = f.predictions.size();
  std::vector<double> cost(G * P);
  for (std::size_t g = 0; g < G; ++g) {
    for (std::size_t p = 0; p < P; ++p) {
      const double weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(f.gt[g]) * predicted_tracks + f.predictions[p]];
      cost[g * P + p] = -weight * f.similarities[g * P + p];
    }
  }
  std::vector<HotaAccumulator::Pair> pairs;
  const std::vector<int>& prediction_of = solver.solve(cost, G, P);
  for (std::size_t g = 0; g < G; ++g) {
    if (prediction_of[g] < 0) continue;
    pairs.push_back({f.gt[g], f.predictions[prediction_of[g]], f.similarities[g * P + prediction_of[g]]});
  }
  return pairs;
}

}  // namespace vepe::eval
