// A second, slow and plain implementation of the pose metrics, written from the definitions: assignments by trying all,
// AP by its defining sum, HOTA one threshold at a time. It must agree with the fast one on random cases.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "eval/numeric.h"
#include "eval/posetrack_eval.h"
#include "eval/synthetic_poses.h"

namespace vepe::eval {
namespace {

using formats::Sequence;
using Pairs = std::vector<std::pair<int, int>>;

struct Point {
  double x = 0, y = 0, score = 0;
};

struct Someone {
  std::int64_t id = 0;
  std::map<int, Point> joints;
  double head = 0;
};

struct Picture {
  std::vector<Someone> gt, guesses;
};

// All regions of the synthetic data are convex and given clockwise on the screen.
bool inside_convex(const formats::Polygon& polygon, double x, double y) {
  for (std::size_t i = 0; i < polygon.points.size(); ++i) {
    const auto [ax, ay] = polygon.points[i];
    const auto [bx, by] = polygon.points[(i + 1) % polygon.points.size()];
    if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) <= 0) return false;
  }
  return true;
}

std::vector<Someone> people(const formats::Frame& frame, const std::vector<formats::Polygon>& regions, bool drop_without_points) {
  std::vector<Someone> result;
  for (const auto& person : frame.persons) {
    Someone someone{.id = *person.track_id};
    for (int j = 0; j < 15; ++j) {
      const auto& k = person.keypoints[j];
      bool counts = k.present;
      for (const auto& region : regions) counts = counts && !inside_convex(region, k.x, k.y);
      if (counts) someone.joints[j] = {k.x, k.y, k.score};
    }
    if (person.head_box) someone.head = 0.6 * std::hypot(person.head_box->width, person.head_box->height);
    if (!someone.joints.empty() || !drop_without_points) result.push_back(someone);
  }
  return result;
}

std::vector<Picture> pictures(const Sequence& gt, const Sequence& guesses, bool kit21) {
  std::vector<Picture> result;
  for (std::size_t t = 0; t < gt.frames.size(); ++t) {
    const auto& regions = gt.frames[t].ignore_regions;
    const bool drop = kit21 || !regions.empty();
    result.push_back({people(gt.frames[t], regions, drop), people(guesses.frames[t], regions, drop)});
  }
  return result;
}

double distance(const Someone& guess, const Someone& truth, int j) {
  const auto a = guess.joints.find(j), b = truth.joints.find(j);
  if (a == guess.joints.end() || b == truth.joints.end()) return kInfinity;
  return std::hypot(a->second.x - b->second.x, a->second.y - b->second.y) / truth.head;
}

// Tries every set of pairs; `cost(r, c)` infinite = forbidden. Most pairs, then least cost.
template <typename Cost>
Pairs best_pairs(int rows, int columns, const Cost& cost) {
  Pairs best, now;
  double best_cost = kInfinity;
  std::vector<bool> used(columns, false);
  const auto visit = [&](const auto& self, int row, double sum) -> void {
    if (row == rows) {
      if (now.size() > best.size() || (now.size() == best.size() && sum < best_cost)) {
        best = now;
        best_cost = sum;
      }
      return;
    }
    self(self, row + 1, sum);
    for (int c = 0; c < columns; ++c) {
      if (used[c] || !std::isfinite(cost(row, c))) continue;
      used[c] = true;
      now.emplace_back(row, c);
      self(self, row + 1, sum + cost(row, c));
      now.pop_back();
      used[c] = false;
    }
  };
  visit(visit, 0, 0);
  return best;
}

// AP of joint j in per cent: the sum, over the true positives by falling score, of the best precision at or after each.
double reference_ap(const std::vector<std::vector<Picture>>& sequences, int j, bool kit21) {
  std::map<double, bool, std::greater<>> scored;  // scores are distinct
  int annotated = 0;
  for (const auto& sequence : sequences) {
    for (const Picture& picture : sequence) {
      std::map<int, std::pair<int, double>> best_of_truth;  // gt -> guess, share
      for (const Someone& truth : picture.gt) annotated += truth.joints.count(j);
      for (std::size_t p = 0; p < picture.guesses.size(); ++p) {
        int best = -1;
        double best_share = -1;
        for (std::size_t g = 0; g < picture.gt.size(); ++g) {
          double found = 0;
          for (int k = 0; k < 15; ++k) found += distance(picture.guesses[p], picture.gt[g], k) <= 0.5;
          if (!picture.gt[g].joints.empty()) found /= static_cast<double>(picture.gt[g].joints.size());
          if (found > best_share) best = static_cast<int>(g), best_share = found;
        }
        if (best < 0 || best_share == 0) continue;
        auto& held = best_of_truth.try_emplace(best, -1, 0.0).first->second;
        if (best_share > held.second) held = {static_cast<int>(p), best_share};
      }
      for (std::size_t p = 0; p < picture.guesses.size(); ++p) {
        if (!picture.guesses[p].joints.count(j)) continue;
        bool correct = false;
        for (const auto& [g, held] : best_of_truth) {
          correct |= held.first == static_cast<int>(p) && distance(picture.guesses[p], picture.gt[g], j) <= 0.5;
        }
        scored[picture.guesses[p].joints.at(j).score] = correct;
      }
    }
  }
  if (scored.empty()) return 0;
  if (annotated == 0) return kit21 ? 0 : kNan;
  std::vector<double> precision;
  std::vector<bool> correct;
  double found = 0;
  for (const auto& [score, is_correct] : scored) {
    found += is_correct;
    precision.push_back(found / static_cast<double>(precision.size() + 1));
    correct.push_back(is_correct);
  }
  double sum = 0;
  for (std::size_t k = 0; k < precision.size(); ++k) {
    if (correct[k]) sum += *std::max_element(precision.begin() + static_cast<std::ptrdiff_t>(k), precision.end());
  }
  return 100 * sum / annotated;
}

struct ReferenceMot {
  double misses = 0, switches = 0, false_positives = 0, detections = 0, objects = 0, distance = 0;
};

void reference_mot(const std::vector<Picture>& sequence, int j, ReferenceMot& total) {
  std::map<std::int64_t, std::int64_t> guess_of, truth_of;
  std::map<std::int64_t, bool> used_before;
  for (std::size_t t = 0; t + 1 < sequence.size(); ++t) {
    const Picture& picture = sequence[t];
    if (picture.gt.empty() || picture.guesses.empty()) {
      ++total.misses, ++total.false_positives, ++total.objects;
      continue;
    }
    std::vector<const Someone*> truths, guesses;
    for (const auto& s : picture.gt) {
      if (s.joints.count(j)) truths.push_back(&s);
    }
    for (const auto& s : picture.guesses) {
      if (s.joints.count(j)) guesses.push_back(&s);
    }
    std::map<int, int> match;
    std::vector<bool> taken(guesses.size(), false);
    const auto allowed = [&](int o, int h) {
      const double d = distance(*guesses[h], *truths[o], j);
      return d <= 0.5 ? d : kInfinity;
    };
    for (std::size_t o = 0; o < truths.size(); ++o) {
      for (std::size_t h = 0; h < guesses.size(); ++h) {
        if (std::isfinite(allowed(o, h))) total.distance += allowed(o, h);
      }
    }
    for (std::size_t o = 0; o < truths.size(); ++o) {
      if (!guess_of.count(truths[o]->id)) continue;
      for (std::size_t h = 0; h < guesses.size(); ++h) {
        if (guesses[h]->id != guess_of[truths[o]->id] || taken[h] || !std::isfinite(allowed(o, h))) continue;
        match[o] = h;
        taken[h] = true;
        total.distance += allowed(o, h);
      }
    }
    const Pairs pairs = best_pairs(truths.size(), guesses.size(),
                                   [&](int o, int h) { return match.count(o) || taken[h] ? kInfinity : allowed(o, h); });
    for (const auto& [o, h] : pairs) {
      const auto truth = truths[o]->id, guess = guesses[h]->id;
      const bool known = guess_of.count(truth), is_switch = known && guess_of[truth] != guess;
      int events = 1;
      if (is_switch && !used_before[guess]) ++events;
      if (truth_of.count(guess) && truth_of[guess] != truth) events += known ? 1 : 2;
      total.distance += events * allowed(o, h);
      total.switches += is_switch;
      match[o] = h;
      taken[h] = true;
      guess_of[truth] = guess;
      truth_of[guess] = truth;
      used_before[guess] = true;
    }
    total.objects += static_cast<double>(truths.size());
    total.detections += static_cast<double>(match.size());
    total.misses += static_cast<double>(truths.size() - match.size());
    total.false_positives += static_cast<double>(guesses.size() - match.size());
  }
}

struct ReferenceHota {
  double tp = 0, fn = 0, fp = 0, loc = 0, ass = 0, ass_re = 0, ass_pr = 0, frag = 0;
  double det_a() const { return tp / std::max(1.0, tp + fn + fp); }
};

ReferenceHota reference_hota(const std::vector<Picture>& sequence, int j, double alpha) {
  ReferenceHota r;
  std::map<std::int64_t, double> truth_frames, guess_frames;
  double all_truths = 0, all_guesses = 0;
  for (const auto& picture : sequence) {
    for (const auto& s : picture.gt) truth_frames[s.id] += s.joints.count(j), all_truths += s.joints.count(j);
    for (const auto& s : picture.guesses) guess_frames[s.id] += s.joints.count(j), all_guesses += s.joints.count(j);
  }
  if (truth_frames.empty() || guess_frames.empty()) {
    r.fn = all_truths;
    r.fp = all_guesses;
    r.loc = 1;
    return r;
  }
  std::map<std::pair<std::int64_t, std::int64_t>, double> together;
  std::map<std::int64_t, std::vector<std::pair<std::int64_t, double>>> fragments;
  for (const auto& picture : sequence) {
    if (picture.guesses.empty()) {
      r.fn += all_truths;
      continue;
    }
    if (picture.gt.empty()) {
      r.fp += all_guesses;
      continue;
    }
    std::vector<const Someone*> truths, guesses;
    for (const auto& s : picture.gt) {
      if (s.joints.count(j)) truths.push_back(&s);
    }
    for (const auto& s : picture.guesses) {
      if (s.joints.count(j)) guesses.push_back(&s);
    }
    const auto similarity = [&](int g, int h) { return std::max(0.0, 1 - distance(*guesses[h], *truths[g], j) / 0.5001); };
    double matched = 0;
    for (const auto& [g, h] : best_pairs(truths.size(), guesses.size(), [&](int a, int b) { return -similarity(a, b); })) {
      if (similarity(g, h) < alpha - kEpsilon) continue;
      ++matched;
      r.loc += similarity(g, h);
      const auto truth = truths[g]->id, guess = guesses[h]->id;
      ++together[{truth, guess}];
      auto& runs = fragments[truth];
      if (runs.empty() || runs.back().first != guess) runs.emplace_back(guess, 0);
      ++runs.back().second;
    }
    r.tp += matched;
    r.fn += static_cast<double>(truths.size()) - matched;
    r.fp += static_cast<double>(guesses.size()) - matched;
  }
  const auto either = [&](std::int64_t g, std::int64_t h) {
    return std::max(1.0, truth_frames[g] + guess_frames[h] - together[{g, h}]);
  };
  for (const auto& [pair, m] : std::map(together)) {
    r.ass += m * m / either(pair.first, pair.second);
    r.ass_re += m * m / std::max(1.0, truth_frames[pair.first]);
    r.ass_pr += m * m / std::max(1.0, guess_frames[pair.second]);
  }
  for (const auto& [g, runs] : fragments) {
    for (const auto& [h, length] : runs) r.frag += length * length / either(g, h);
  }
  const double weight = std::max(1.0, r.tp);
  r.ass /= weight, r.ass_re /= weight, r.ass_pr /= weight, r.frag /= weight;
  r.loc = std::max(1e-10, r.loc) / std::max(1e-10, r.tp);
  return r;
}

void expect_close(double got, double want, const std::string& what) {
  if (std::isnan(want))
    EXPECT_TRUE(std::isnan(got)) << what << " " << got;
  else
    EXPECT_NEAR(got, want, 1e-9 * std::max(1.0, std::abs(want))) << what;
}

// Two sequences of few people in a small place, with everything that the protocols treat specially.
std::vector<std::pair<Sequence, Sequence>> random_case(int seed) {
  Random random(seed, 5);
  std::vector<std::pair<Sequence, Sequence>> sequences;
  for (int s = 0; s < 2; ++s) {
    SyntheticOptions o;
    o.frames = static_cast<int>(random.integer(3, 8));
    o.persons = static_cast<int>(random.integer(1, 4));
    o.noise = random.uniform(0.1, 0.6);
    o.missing_joint = random.uniform(0, 0.4);
    o.empty_frame = 0.15;
    o.ignore_region = seed % 2 ? 0.3 : 0;
    o.identity_switch = 0.15;
    sequences.push_back(synthetic_sequence(1000 + 2 * seed + s, o));
  }
  return sequences;
}

class PoseReference : public testing::TestWithParam<PoseProtocol> {};

TEST_P(PoseReference, AgreesOn200RandomCases) {
  const bool kit21 = GetParam() == PoseProtocol::kPoseTrack21;
  int with_ap = 0;
  for (int seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    PoseEvalOptions options;
    options.protocol = GetParam();
    options.lenient = true;  // a frame whose people are all ignored is undefined in the kit; lenient counts false positives
    std::vector<SequenceCounts> counts;
    std::vector<std::vector<Picture>> poseval, posetrack21;
    for (const auto& [gt, guesses] : random_case(seed)) {
      counts.push_back(count_sequence(gt, guesses, options));
      poseval.push_back(pictures(gt, guesses, false));
      posetrack21.push_back(pictures(gt, guesses, true));
    }
    const PoseEvalResult got = combine_sequences(counts, options);
    for (int j = 0; j < kPoseJoints; ++j) {
      const double ap = reference_ap(kit21 ? posetrack21 : poseval, j, kit21);
      with_ap += ap > 0;
      expect_close(got.total.ap->ap[j], ap, "AP");
      ReferenceMot mot;
      for (const auto& sequence : poseval) reference_mot(sequence, j, mot);
      expect_close(got.total.mota->mota[j],
                   mot.objects > 0 ? 100 * (1 - (mot.misses + mot.switches + mot.false_positives) / mot.objects) : kNan, "MOTA");
      expect_close(got.total.mota->motp[j], mot.detections > 0 ? 100 * (1 - mot.distance / mot.detections) : 0, "MOTP");
      for (std::size_t s = 0; s < posetrack21.size(); ++s) {
        const HotaCurves& c = counts[s].hota->columns[j];
        for (int a : {0, 5, 9, 15, 18}) {
          const ReferenceHota want = reference_hota(posetrack21[s], j, hota_threshold(a));
          expect_close(c.tp[a], want.tp, "TP");
          expect_close(c.fn[a], want.fn, "FN");
          expect_close(c.fp[a], want.fp, "FP");
          expect_close(c.loc_a[a], want.loc, "LocA");
          expect_close(c.ass_a[a], want.ass, "AssA");
          expect_close(c.ass_re[a], want.ass_re, "AssRe");
          expect_close(c.ass_pr[a], want.ass_pr, "AssPr");
          expect_close(c.frag_a[a], want.frag, "FragA");
          expect_close(c.hota[a], std::sqrt(want.det_a() * want.ass), "HOTA");
          expect_close(c.fa_hota[a], std::sqrt(want.det_a() * std::sqrt(want.ass * want.frag)), "FA-HOTA");
        }
      }
    }
    if (HasFailure()) break;
  }
  EXPECT_GT(with_ap, 2000);
}

INSTANTIATE_TEST_SUITE_P(All, PoseReference,
                         testing::Values(PoseProtocol::kPoseTrack17, PoseProtocol::kPoseTrack18, PoseProtocol::kPoseTrack21));

}  // namespace
}  // namespace vepe::eval
