#include "eval/worst_frames.h"

#include <algorithm>

namespace vepe::eval {

std::vector<WorstFrame> worst_frames(const EvalSequence& sequence, const formats::Sequence& source, int count) {
  struct Errors {
    std::size_t frame;
    int misses, false_positives;
  };
  std::vector<Errors> errors;
  for (std::size_t t = 0; t < sequence.frames.size(); ++t) {
    const EvalFrame& frame = sequence.frames[t];
    const std::vector<int> prediction_of = assign_persons(frame, false);
    int annotated = 0, predicted = 0, found = 0;
    for (const auto& g : frame.gt) annotated += g.present_count();
    for (const auto& p : frame.predictions) predicted += p.present_count();
    for (std::size_t g = 0; g < frame.gt.size(); ++g) {
      if (prediction_of[g] < 0) continue;
      for (int j = 0; j < kPoseJoints; ++j) found += frame.distance(prediction_of[g], g, j) <= kMatchDistance;
    }
    if (annotated + predicted > 2 * found) errors.push_back({t, annotated - found, predicted - found});
  }
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.misses + a.false_positives > b.misses + b.false_positives; });
  if (errors.size() > static_cast<std::size_t>(count)) errors.resize(count);

  std::vector<WorstFrame> worst;
  for (const Errors& e : errors) {
    const EvalFrame& frame = sequence.frames[e.frame];
    const formats::Frame& origin = source.frames[frame.source];
    worst.push_back(
        {origin.file_name, frame.source, e.misses, e.false_positives, origin.width, origin.height, frame.gt, frame.predictions});
  }
  return worst;
}

}  // namespace vepe::eval
