#include "eval/pose_ap.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/linear_assignment.h"
#include "eval/numeric.h"

namespace vepe::eval {
namespace {

// Share of the person's joints that the prediction finds, [predictions, gt].
std::vector<double> shares_found(const EvalFrame& frame) {
  const std::size_t P = frame.predictions.size(), G = frame.gt.size();
  std::vector<double> shares(P * G);
  for (std::size_t p = 0; p < P; ++p) {
    for (std::size_t g = 0; g < G; ++g) {
      int found = 0;
      for (int j = 0; j < kPoseJoints; ++j) found += frame.distance(p, g, j) <= kMatchDistance;
      const int joints = frame.gt[g].present_count();
      shares[p * G + g] = joints > 0 ? static_cast<double>(found) / joints : found;
    }
  }
  return shares;
}

// Area under the precision envelope.
double area_under(const std::vector<double>& recall, std::vector<double> precision) {
  double next = 0, area = 0;
  for (std::size_t i = precision.size(); i-- > 0;) next = precision[i] = std::max(precision[i], next);
  double last = 0;
  for (std::size_t i = 0; i < recall.size(); ++i) {
    if (recall[i] != last) area += (recall[i] - last) * precision[i];
    last = recall[i];
  }
  return area;
}

}  // namespace

const std::array<const char*, kJointGroups> kGroupNames = {"Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "Total"};

std::array<double, kJointGroups> group_means(const JointValues& v, bool skip_nan) {
  const auto of = [&](std::initializer_list<int> joints) {
    std::vector<double> values;
    for (int j : joints) values.push_back(v[j]);
    return skip_nan ? mean_of_numbers(values) : mean(values);
  };
  return {of({14, 12, 13}), of({8, 9}), of({7, 10}), of({6, 11}), of({2, 3}), of({1, 4}), of({0, 5}), v[kPoseJoints]};
}

ApSamples& ApSamples::operator+=(const ApSamples& other) {
  for (int j = 0; j < kPoseJoints; ++j) {
    predicted[j].insert(predicted[j].end(), other.predicted[j].begin(), other.predicted[j].end());
    annotated[j] += other.annotated[j];
  }
  return *this;
}

std::vector<int> assign_persons(const EvalFrame& frame, bool strict) {
  const std::size_t P = frame.predictions.size(), G = frame.gt.size();
  std::vector<int> prediction_of(G, -1);
  if (P == 0 || G == 0) return prediction_of;
  std::vector<double> shares = shares_found(frame);
  if (strict) {
    for (double& share : shares) share = share > 0 ? -share : kInfinity;
    const std::vector<int> person_of = linear_assignment(shares, P, G);
    for (std::size_t p = 0; p < P; ++p) {
      if (person_of[p] >= 0) prediction_of[person_of[p]] = static_cast<int>(p);
    }
    return prediction_of;
  }
  std::vector<double> best(G, 0);
  for (std::size_t p = 0; p < P; ++p) {
    const auto row = shares.begin() + static_cast<std::ptrdiff_t>(p * G);
    const std::size_t g = std::max_element(row, row + static_cast<std::ptrdiff_t>(G)) - row;
    if (row[static_cast<std::ptrdiff_t>(g)] > best[g]) {
      best[g] = row[static_cast<std::ptrdiff_t>(g)];
      prediction_of[g] = static_cast<int>(p);
    }
  }
  return prediction_of;
}

ApSamples collect_ap(const EvalSequence& sequence, bool strict, bool refuse_empty_frames) {
  ApSamples samples;
  for (const EvalFrame& frame : sequence.frames) {
    if (refuse_empty_frames && frame.gt.empty() && !frame.predictions.empty()) {
      throw Error(ErrorCode::kInput, sequence.name + ": frame " + std::to_string(frame.source),
                  "predictions, but every person lies in an ignore region, which the protocol does not define",
                  "pass --lenient or --strict-definition to count them as false positives");
    }
    std::vector<int> person_of(frame.predictions.size(), -1);
    const std::vector<int> prediction_of = assign_persons(frame, strict);
    for (std::size_t g = 0; g < frame.gt.size(); ++g) {
      if (prediction_of[g] >= 0) person_of[prediction_of[g]] = static_cast<int>(g);
      for (int j = 0; j < kPoseJoints; ++j) samples.annotated[j] += frame.gt[g].present[j];
    }
    for (std::size_t p = 0; p < frame.predictions.size(); ++p) {
      for (int j = 0; j < kPoseJoints; ++j) {
        if (!frame.predictions[p].present[j]) continue;
        const bool correct = person_of[p] >= 0 && frame.distance(p, person_of[p], j) <= kMatchDistance;
        samples.predicted[j].push_back({frame.predictions[p].score[j], correct});
      }
    }
  }
  return samples;
}

ApResult average_precision(const ApSamples& samples, ApRules rules) {
  ApResult result;
  for (int j = 0; j < kPoseJoints; ++j) {
    const double annotated = static_cast<double>(samples.annotated[j]);
    std::vector<ScoredJoint> sorted = samples.predicted[j];
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    std::vector<double> precision, recall;
    double found = 0;
    for (std::size_t k = 0; k < sorted.size(); ++k) {
      found += sorted[k].correct;
      precision.push_back(found / static_cast<double>(k + 1));
      recall.push_back(rules == ApRules::kPoseTrack21 ? found / std::max(annotated, 1.0) : found / annotated);
    }
    if (annotated == 0 && (rules == ApRules::kStrict || (rules == ApRules::kPoseval && !sorted.empty()))) {
      result.ap[j] = result.recall[j] = kNan;
      result.precision[j] = sorted.empty() ? kNan : 0;
      continue;
    }
    result.ap[j] = area_under(recall, precision) * 100;
    result.precision[j] = precision.empty() ? 0 : precision.back() * 100;
    result.recall[j] = recall.empty() ? 0 : recall.back() * 100;
  }
  for (JointValues* values : {&result.ap, &result.precision, &result.recall}) {
    (*values)[kPoseJoints] = mean_of_numbers({values->data(), kPoseJoints});
  }
  return result;
}

}  // namespace vepe::eval
