#include "eval/clear_mot.h"

#include <algorithm>
#include <cmath>

#include "eval/numeric.h"

namespace vepe::eval {

ClearCounts& ClearCounts::operator+=(const ClearCounts& other) {
  matches += other.matches;
  switches += other.switches;
  misses += other.misses;
  false_positives += other.false_positives;
  transfers += other.transfers;
  ascends += other.ascends;
  migrates += other.migrates;
  matched_distance += other.matched_distance;
  event_distance += other.event_distance;
  return *this;
}

void ClearAccumulator::add_frame(std::span<const std::int64_t> objects, std::span<const std::int64_t> hypotheses,
                                 std::span<const double> distances) {
  const std::size_t O = objects.size(), H = hypotheses.size();
  matched_.assign(O, -1);
  taken_.assign(H, 0);
  bool any_allowed = false;
  for (double d : distances) {
    if (!std::isfinite(d)) continue;
    any_allowed = true;
    counts_.event_distance += d;  // the RAW event of the pair
  }
  if (any_allowed) {
    keep_tracks(objects, hypotheses, distances);
    open_.assign(distances.begin(), distances.end());
    bool any_open = false;
    for (std::size_t o = 0; o < O; ++o) {
      for (std::size_t h = 0; h < H; ++h) {
        if (matched_[o] >= 0 || taken_[h]) open_[o * H + h] = kNan;
        any_open |= std::isfinite(open_[o * H + h]);
      }
    }
    if (any_open) {
      const std::vector<int>& assigned = solver_.solve(open_, O, H);
      for (std::size_t o = 0; o < O; ++o) {
        if (assigned[o] < 0) continue;
        matched_[o] = assigned[o];
        taken_[assigned[o]] = 1;
        record_new_pair(objects[o], hypotheses[assigned[o]], distances[o * H + assigned[o]]);
      }
    }
  }
  counts_.misses += std::count(matched_.begin(), matched_.end(), -1);
  counts_.false_positives += std::count(taken_.begin(), taken_.end(), 0);
}

void ClearAccumulator::add_unmatched(std::int64_t misses, std::int64_t false_positives) {
  counts_.misses += misses;
  counts_.false_positives += false_positives;
}

void ClearAccumulator::keep_tracks(std::span<const std::int64_t> objects, std::span<const std::int64_t> hypotheses,
                                   std::span<const double> distances) {
  for (std::size_t o = 0; o < objects.size(); ++o) {
    const auto last = hypothesis_of_.find(objects[o]);
    if (last == hypothesis_of_.end()) continue;
    const std::size_t h = std::find(hypotheses.begin(), hypotheses.end(), last->second) - hypotheses.begin();
    if (h == hypotheses.size() || taken_[h]) continue;
    const double distance = distances[o * hypotheses.size() + h];
    if (!std::isfinite(distance)) continue;
    matched_[o] = static_cast<int>(h);
    taken_[h] = 1;
    ++counts_.matches;
    counts_.matched_distance += distance;
    counts_.event_distance += distance;
  }
}

void ClearAccumulator::record_new_pair(std::int64_t object, std::int64_t hypothesis, double distance) {
  const auto last = hypothesis_of_.find(object);
  const bool is_switch = last != hypothesis_of_.end() && last->second != hypothesis;
  int events = 1;
  if (is_switch && !used_.contains(hypothesis)) {
    ++counts_.ascends;
    ++events;
  }
  const auto owner = object_of_.find(hypothesis);
  if (owner != object_of_.end() && owner->second != object) {
    if (last == hypothesis_of_.end()) {
      ++counts_.migrates;
      ++events;
    }
    ++counts_.transfers;
    ++events;
  }
  ++(is_switch ? counts_.switches : counts_.matches);
  counts_.matched_distance += distance;
  counts_.event_distance += events * distance;
  hypothesis_of_[object] = hypothesis;
  object_of_[hypothesis] = object;
  used_.insert(hypothesis);
}

}  // namespace vepe::eval
