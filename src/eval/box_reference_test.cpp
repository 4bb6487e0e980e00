// A second, plain implementation of the box metrics: assignments by trying all, counts with maps.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/random.h"
#include "eval/box_tracking.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

using Id = std::int64_t;

double iou(const formats::Box& a, const formats::Box& b) {
  const double w = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double h = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a.width * a.height + b.width * b.height - w * h);
}

// The pairs of most cardinality, then of least cost; infinite = forbidden.
template <typename Cost>
std::vector<std::pair<int, int>> best_pairs(int rows, int columns, const Cost& cost) {
  std::vector<std::pair<int, int>> best, now;
  double best_cost = kInfinity;
  std::vector<bool> used(columns, false);
  const auto visit = [&](const auto& self, int row, double sum) -> void {
    if (row == rows) {
      if (now.size() > best.size() || (now.size() == best.size() && sum < best_cost)) best = now, best_cost = sum;
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

BoxSequence random_sequence(int seed) {
  Random random(seed, 3);
  const int persons = static_cast<int>(random.integer(1, 4));
  struct Track {
    double x, y, vx;
    Id guess;
  };
  std::vector<Track> tracks;
  for (int i = 0; i < persons; ++i)
    tracks.push_back({random.uniform(0, 150), random.uniform(0, 60), random.uniform(-6, 6), i + 10});
  BoxSequence sequence{.name = "random"};
  sequence.frames.resize(random.integer(2, 12));
  Id next = 50;
  for (auto& frame : sequence.frames) {
    for (int i = 0; i < persons; ++i) {
      Track& t = tracks[i];
      t.x += t.vx;
      const formats::Box box{t.x, t.y, 40, 100};
      if (random.chance(0.85)) frame.gt.push_back({i, box});
      if (random.chance(0.12)) t.guess = next++;
      if (random.chance(0.1) && persons > 1) std::swap(t.guess, tracks[(i + 1) % persons].guess);
      if (random.chance(0.8))
        frame.predictions.push_back({t.guess, {t.x + 7 * random.normal(), t.y + 9 * random.normal(), 40 + random.normal(), 100}});
    }
    std::set<Id> seen;
    std::erase_if(frame.predictions, [&](const auto& p) { return !seen.insert(p.id).second; });
    if (random.chance(0.1)) frame.predictions.clear();
    if (random.chance(0.1)) frame.predictions.push_back({next++, {random.uniform(0, 150), 20, 40, 100}});
  }
  return sequence;
}

struct Reference {
  double misses = 0, false_positives = 0, switches = 0, detections = 0, distance = 0, fragmentations = 0;
  double clear_tp = 0, clear_switches = 0, clear_fragments = 0, clear_similarity = 0;
};

void motmetrics(const BoxSequence& sequence, Reference& r) {
  std::map<Id, Id> guess_of;
  std::map<Id, std::string> history;
  for (const auto& frame : sequence.frames) {
    const int O = static_cast<int>(frame.gt.size()), H = static_cast<int>(frame.predictions.size());
    std::map<int, int> match;
    std::set<int> taken;
    const auto allowed = [&](int o, int h) {
      const double d = 1 - iou(frame.gt[o].box, frame.predictions[h].box);
      return d <= 0.5 ? d : kInfinity;
    };
    for (int o = 0; o < O; ++o) {
      for (int h = 0; h < H; ++h) {
        if (guess_of.count(frame.gt[o].id) && guess_of[frame.gt[o].id] == frame.predictions[h].id && !taken.count(h) &&
            std::isfinite(allowed(o, h))) {
          match[o] = h;
          taken.insert(h);
        }
      }
    }
    for (const auto& [o, h] :
         best_pairs(O, H, [&](int a, int b) { return match.count(a) || taken.count(b) ? kInfinity : allowed(a, b); })) {
      const Id truth = frame.gt[o].id;
      r.switches += guess_of.count(truth) && guess_of[truth] != frame.predictions[h].id;
      guess_of[truth] = frame.predictions[h].id;
      match[o] = h;
    }
    for (const auto& [o, h] : match) r.distance += allowed(o, h);
    for (int o = 0; o < O; ++o) history[frame.gt[o].id] += match.count(o) ? 't' : 'm';
    r.detections += static_cast<double>(match.size());
    r.misses += O - static_cast<double>(match.size());
    r.false_positives += H - static_cast<double>(match.size());
  }
  for (auto& [id, events] : history) {  // "tm" that is followed by another t
    const std::size_t last = events.rfind('t');
    if (last == std::string::npos) continue;
    for (std::size_t i = 0; i < last; ++i) r.fragmentations += events[i] == 't' && events[i + 1] == 'm';
  }
}

void trackeval_clear(const BoxSequence& sequence, Reference& r) {
  std::map<Id, Id> ever, before;
  std::map<Id, int> starts;
  for (const auto& frame : sequence.frames) {
    if (frame.gt.empty() || frame.predictions.empty()) continue;
    std::map<Id, Id> now;
    const auto score = [&](int g, int p) {
      const double s = iou(frame.gt[g].box, frame.predictions[p].box);
      if (s < 0.5 - kEpsilon) return 0.0;
      const auto held = before.find(frame.gt[g].id);
      return s + (held != before.end() && held->second == frame.predictions[p].id ? 1000 : 0);
    };
    for (const auto& [g, p] : best_pairs(static_cast<int>(frame.gt.size()), static_cast<int>(frame.predictions.size()),
                                         [&](int a, int b) { return -score(a, b); })) {
      if (score(g, p) == 0) continue;
      const Id truth = frame.gt[g].id, guess = frame.predictions[p].id;
      r.clear_switches += ever.count(truth) && ever[truth] != guess;
      ever[truth] = now[truth] = guess;
      starts[truth] += !before.count(truth);
      ++r.clear_tp;
      r.clear_similarity += iou(frame.gt[g].box, frame.predictions[p].box);
    }
    before = now;
  }
  for (const auto& [id, count] : starts) r.clear_fragments += count - 1;
}

double identity_tp(const BoxSequence& sequence) {
  std::map<Id, std::map<Id, double>> together;
  std::set<Id> guesses;
  for (const auto& frame : sequence.frames) {
    for (const auto& g : frame.gt) {
      for (const auto& p : frame.predictions) {
        if (iou(g.box, p.box) >= 0.5) ++together[g.id][p.id], guesses.insert(p.id);
      }
    }
  }
  std::vector<Id> rows;
  for (const auto& [id, row] : together) rows.push_back(id);
  const auto best = [&](const auto& self, std::size_t row, std::set<Id> used) -> double {
    if (row == rows.size()) return 0;
    double value = self(self, row + 1, used);
    for (const auto& [guess, count] : together[rows[row]]) {
      if (used.count(guess)) continue;
      auto more = used;
      more.insert(guess);
      value = std::max(value, count + self(self, row + 1, more));
    }
    return value;
  };
  return best(best, 0, {});
}

struct PlainHota {
  double tp = 0, fn = 0, fp = 0, ass = 0, loc = 0;
};

PlainHota hota(const BoxSequence& sequence, double alpha) {
  std::map<Id, double> truths, guesses;
  std::map<std::pair<Id, Id>, double> potential, together;
  for (const auto& frame : sequence.frames) {
    for (const auto& g : frame.gt) ++truths[g.id];
    for (const auto& p : frame.predictions) ++guesses[p.id];
    for (const auto& g : frame.gt) {
      for (const auto& p : frame.predictions) {
        double sum = -iou(g.box, p.box);
        for (const auto& other : frame.predictions) sum += iou(g.box, other.box);
        for (const auto& other : frame.gt) sum += iou(other.box, p.box);
        if (sum > kEpsilon) potential[{g.id, p.id}] += iou(g.box, p.box) / sum;
      }
    }
  }
  PlainHota r;
  for (const auto& frame : sequence.frames) {
    const int G = static_cast<int>(frame.gt.size()), P = static_cast<int>(frame.predictions.size());
    const auto score = [&](int g, int p) {
      const double both = potential[{frame.gt[g].id, frame.predictions[p].id}];
      return -both / (truths[frame.gt[g].id] + guesses[frame.predictions[p].id] - both) *
             iou(frame.gt[g].box, frame.predictions[p].box);
    };
    double matched = 0;
    for (const auto& [g, p] : best_pairs(G, P, score)) {
      const double s = iou(frame.gt[g].box, frame.predictions[p].box);
      if (s < alpha - kEpsilon) continue;
      ++matched;
      r.loc += s;
      ++together[{frame.gt[g].id, frame.predictions[p].id}];
    }
    r.tp += matched, r.fn += G - matched, r.fp += P - matched;
  }
  for (const auto& [pair, m] : together) r.ass += m * m / std::max(1.0, truths[pair.first] + guesses[pair.second] - m);
  r.ass /= std::max(1.0, r.tp);
  r.loc = truths.empty() || guesses.empty() ? 1 : std::max(1e-10, r.loc) / std::max(1e-10, r.tp);
  return r;
}

TEST(BoxReference, AgreesOn200RandomCases) {
  double switches = 0, fragments = 0;
  for (int seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const BoxSequence sequence = random_sequence(seed);
    const BoxCounts got = evaluate_boxes(sequence);
    Reference want;
    motmetrics(sequence, want);
    trackeval_clear(sequence, want);
    EXPECT_EQ(got.clear.misses, want.misses);
    EXPECT_EQ(got.clear.false_positives, want.false_positives);
    EXPECT_EQ(got.clear.switches, want.switches);
    EXPECT_NEAR(got.clear.matched_distance, want.distance, 1e-9);
    EXPECT_EQ(got.fragmentations, want.fragmentations);
    EXPECT_EQ(got.trackeval.tp, want.clear_tp);
    EXPECT_EQ(got.trackeval.switches, want.clear_switches);
    EXPECT_EQ(got.trackeval.fragments, want.clear_fragments);
    EXPECT_NEAR(got.trackeval.similarity, want.clear_similarity, 1e-9);
    EXPECT_EQ(got.identity.tp, identity_tp(sequence));
    for (int a : {0, 6, 9, 13, 17}) {
      const PlainHota plain = hota(sequence, hota_threshold(a));
      EXPECT_EQ(got.hota.tp[a], plain.tp);
      EXPECT_EQ(got.hota.fn[a], plain.fn);
      EXPECT_EQ(got.hota.fp[a], plain.fp);
      EXPECT_NEAR(got.hota.ass_a[a], plain.ass, 1e-9);
      EXPECT_NEAR(got.hota.loc_a[a], plain.loc, 1e-9);
    }
    switches += want.switches;
    fragments += want.fragmentations;
    if (HasFailure()) break;
  }
  EXPECT_GT(switches, 100);
  EXPECT_GT(fragments, 50);
}

}  // namespace
}  // namespace vepe::eval
