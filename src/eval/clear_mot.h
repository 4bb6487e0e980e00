#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/linear_assignment.h"

namespace vepe::eval {

// Counts of CLEAR-MOT over one sequence, as py-motmetrics 1.2.0 records events.
struct ClearCounts {
  std::int64_t matches = 0, switches = 0, misses = 0, false_positives = 0;
  std::int64_t transfers = 0, ascends = 0, migrates = 0;
  double matched_distance = 0;  // over matches and switches
  double event_distance = 0;    // over all events, raw pairs and extra events included (poseval's MOTP divides this)

  std::int64_t detections() const { return matches + switches; }
  std::int64_t objects() const { return matches + switches + misses; }
  ClearCounts& operator+=(const ClearCounts& other);
};

// The event accumulator of py-motmetrics 1.2.0: objects keep their hypothesis where they can, the rest is assigned at
// the lowest total distance. Feed the frames of one sequence in order.
class ClearAccumulator {
 public:
  // Ids of the objects and hypotheses of one frame (unique within it) and their distances [objects, hypotheses];
  // NaN or infinite = the pair is not allowed.
  void add_frame(std::span<const std::int64_t> objects, std::span<const std::int64_t> hypotheses,
                 std::span<const double> distances);

  // `misses` misses and `false_positives` false positives without pairs.
  void add_unmatched(std::int64_t misses, std::int64_t false_positives);

  const ClearCounts& counts() const { return counts_; }

  // The outcome of each object in the last frame added: index of its hypothesis or -1 for a miss.
  const std::vector<int>& last_matches() const { return matched_; }

 private:
  void keep_tracks(std::span<const std::int64_t> objects, std::span<const std::int64_t> hypotheses,
                   std::span<const double> distances);
  void record_new_pair(std::int64_t object, std::int64_t hypothesis, double distance);

  ClearCounts counts_;
  std::unordered_map<std::int64_t, std::int64_t> hypothesis_of_, object_of_;  // last pair; never cleared by a miss
  std::unordered_set<std::int64_t> used_;                                     // hypotheses that were matched before
  LinearAssignment solver_;
  std::vector<double> open_;
  std::vector<int> matched_;
  std::vector<char> taken_;
};

}  // namespace vepe::eval
