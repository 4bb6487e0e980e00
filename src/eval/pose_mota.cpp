#include "eval/pose_mota.h"

#include "core/error.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

// The present joints j of a frame, their ids, and their distances.
struct JointView {
  std::vector<std::int64_t> objects, hypotheses;
  std::vector<std::size_t> gt, predictions;
  std::vector<double> distances;

  void take(const EvalFrame& frame, int j) {
    objects.clear(), hypotheses.clear(), gt.clear(), predictions.clear(), distances.clear();
    for (std::size_t g = 0; g < frame.gt.size(); ++g) {
      if (!frame.gt[g].present[j]) continue;
      gt.push_back(g);
      objects.push_back(frame.gt[g].track_id);
    }
    for (std::size_t p = 0; p < frame.predictions.size(); ++p) {
      if (!frame.predictions[p].present[j]) continue;
      predictions.push_back(p);
      hypotheses.push_back(frame.predictions[p].track_id);
    }
    for (std::size_t g : gt) {
      for (std::size_t p : predictions) {
        const double d = frame.distance(p, g, j);
        distances.push_back(d <= kMatchDistance ? d : kNan);
      }
    }
  }
};

}  // namespace

MotaCounts& MotaCounts::operator+=(const MotaCounts& other) {
  for (int j = 0; j < kPoseJoints; ++j) joints[j] += other.joints[j];
  return *this;
}

MotaCounts count_mota(const EvalSequence& sequence, bool strict) {
  std::size_t frames = sequence.frames.size();
  if (!strict) {
    if (frames < 2) {
      throw Error(ErrorCode::kInput, sequence.name, std::to_string(frames) + " frame with people is left, MOTA needs two",
                  "leave the sequence out, or pass --lenient to pass over it, or --strict-definition");
    }
    --frames;  // the kit drops the last frame
  }
  std::array<ClearAccumulator, kPoseJoints> accumulators;
  JointView view;
  for (std::size_t t = 0; t < frames; ++t) {
    const EvalFrame& frame = sequence.frames[t];
    const bool one_sided = frame.gt.empty() || frame.predictions.empty();
    for (int j = 0; j < kPoseJoints; ++j) {
      if (one_sided && !strict) {
        accumulators[j].add_unmatched(1, 1);  // whatever the frame holds, in the kit
        continue;
      }
      view.take(frame, j);
      accumulators[j].add_frame(view.objects, view.hypotheses, view.distances);
    }
  }
  MotaCounts counts;
  for (int j = 0; j < kPoseJoints; ++j) counts.joints[j] = accumulators[j].counts();
  return counts;
}

MotaResult mota_from_counts(const MotaCounts& counts, bool strict) {
  MotaResult result;
  for (int j = 0; j < kPoseJoints; ++j) {
    const ClearCounts& c = counts.joints[j];
    const double objects = static_cast<double>(c.objects()), detections = static_cast<double>(c.detections());
    const double errors = static_cast<double>(c.misses + c.switches + c.false_positives);
    const double predicted = detections + static_cast<double>(c.false_positives);
    result.mota[j] = objects > 0 ? 100 * (1 - errors / objects) : kNan;
    result.precision[j] = predicted > 0 ? 100 * detections / predicted : kNan;
    result.recall[j] = objects > 0 ? 100 * detections / objects : kNan;
    if (strict) {
      result.motp[j] = detections > 0 ? 100 * (1 - c.matched_distance / detections) : kNan;
    } else {
      result.motp[j] = detections > 0 ? 100 * (1 - c.event_distance / detections) : 0;
    }
  }
  for (JointValues* values : {&result.mota, &result.motp, &result.precision, &result.recall}) {
    (*values)[kPoseJoints] = mean_of_numbers({values->data(), kPoseJoints});
  }
  return result;
}

}  // namespace vepe::eval
