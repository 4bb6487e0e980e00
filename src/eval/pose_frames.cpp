#include "eval/pose_frames.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "eval/numeric.h"
#include "eval/polygon.h"
#include "formats/joints.h"

namespace vepe::eval {
namespace {

using formats::Frame;
using formats::Person;
using formats::Sequence;

std::string place(const Sequence& sequence, std::size_t index) {
  const Frame& frame = sequence.frames[index];
  std::string text = sequence.name + ": frame " + std::to_string(index);
  if (!frame.file_name.empty()) text += " (" + frame.file_name + ")";
  return text;
}

// One side (ground truth or predictions) of one sequence on its way to EvalFrame.
class Side {
 public:
  Side(const Sequence& sequence, const char* role, const FrameOptions& options)
      : sequence_(sequence), role_(role), options_(options) {
    map_ = formats::joint_map(sequence.joint_names, formats::posetrack15().names);
    const bool any = std::any_of(map_.begin(), map_.end(), [](int k) { return k >= 0; });
    if (!any && !sequence.joint_names.empty()) {
      throw Error(ErrorCode::kInput, sequence.name, std::string(role) + " has none of PoseTrack's 15 joints",
                  "convert it first: vepe convert IN OUT --to posetrack18");
    }
  }

  std::vector<EvalPerson> persons(std::size_t index) {
    std::vector<EvalPerson> result;
    std::unordered_set<std::int64_t> ids;
    const Frame& frame = sequence_.frames[index];
    for (std::size_t i = 0; i < frame.persons.size(); ++i) {
      const Person& person = frame.persons[i];
      if (person.keypoints.empty() && options_.rules == FrameRules::kPoseval) continue;
      const std::string defect = find_defect(person, ids);
      if (defect.empty()) {
        result.push_back(convert(person, static_cast<int>(i)));
        continue;
      }
      const std::string where = std::string(role_) + " " + place(sequence_, index);
      if (!options_.skipped)
        throw Error(ErrorCode::kInput, where, defect, "correct the file, or pass --lenient to leave the person out");
      options_.skipped->push_back({where, defect + "; person left out"});
    }
    return result;
  }

 private:
  std::string find_defect(const Person& person, std::unordered_set<std::int64_t>& ids) const {
    if (!person.keypoints.empty() && person.keypoints.size() != sequence_.joint_names.size()) {
      return "a person has " + std::to_string(person.keypoints.size()) + " keypoints, the file names " +
             std::to_string(sequence_.joint_names.size());
    }
    for (const auto& k : person.keypoints) {
      if (!std::isfinite(k.x) || !std::isfinite(k.y) || !std::isfinite(k.score)) return "a keypoint is not finite";
    }
    if (!person.track_id) return options_.need_track_ids ? "a person has no track id" : "";
    if (!ids.insert(*person.track_id).second) return "track id " + std::to_string(*person.track_id) + " stands twice";
    return "";
  }

  EvalPerson convert(const Person& person, int source) const {
    EvalPerson result;
    result.source = source;
    result.track_id = person.track_id.value_or(-1 - source);
    for (int j = 0; j < kPoseJoints; ++j) {
      if (map_[j] < 0 || person.keypoints.empty()) continue;
      const auto& k = person.keypoints[map_[j]];
      result.x[j] = k.x;
      result.y[j] = k.y;
      result.score[j] = k.score;
      // PoseTrack21's kit knows no absent points, only the sign of coordinates.
      const bool by_sign = options_.rules == FrameRules::kPoseTrack21 && !options_.strict_definition;
      result.present[j] = by_sign ? k.x > 0 && k.y > 0 : k.present;
    }
    result.head_size = kNan;
    if (person.head_box) {
      // The kits store corners, so the extents go through the lower right one.
      const double x2 = person.head_box->x + person.head_box->width, y2 = person.head_box->y + person.head_box->height;
      const double dx = x2 - person.head_box->x, dy = y2 - person.head_box->y;
      result.head_size = 0.6 * std::sqrt(dx * dx + dy * dy);
    }
    return result;
  }

  const Sequence& sequence_;
  const char* role_;
  const FrameOptions& options_;
  std::vector<int> map_;
};

void drop_ignored(std::vector<EvalPerson>& persons, const std::vector<formats::Polygon>& regions, FrameRules rules, bool strict) {
  const bool kit21 = rules == FrameRules::kPoseTrack21;
  for (EvalPerson& person : persons) {
    for (int j = 0; j < kPoseJoints; ++j) {
      if (!kit21 && !person.present[j]) continue;
      const bool inside = std::any_of(regions.begin(), regions.end(),
                                      [&](const auto& region) { return strictly_inside(region, person.x[j], person.y[j]); });
      if (inside) {
        person.present[j] = false;
        person.x[j] = person.y[j] = 0;
      }
    }
  }
  std::erase_if(persons, [&](const EvalPerson& person) {
    if (!kit21 || strict) return person.present_count() == 0;
    for (int j = 0; j < kPoseJoints; ++j) {
      if (person.x[j] > 0 || person.y[j] > 0) return false;
    }
    return true;
  });
}

void compute_distances(EvalFrame& frame, bool strict) {
  frame.distances.assign(frame.predictions.size() * frame.gt.size() * kPoseJoints, kInfinity);
  double* out = frame.distances.data();
  for (const EvalPerson& p : frame.predictions) {
    for (const EvalPerson& g : frame.gt) {
      for (int j = 0; j < kPoseJoints; ++j, ++out) {
        if (!p.present[j] || !g.present[j]) continue;
        const double dx = g.x[j] - p.x[j], dy = g.y[j] - p.y[j];
        const double distance = std::sqrt(dx * dx + dy * dy);
        // A head without extent finds nothing in the kits (0 / 0); by definition an exact hit is a hit.
        *out = strict && distance == 0 ? 0 : distance / g.head_size;
      }
    }
  }
}

// People without a head box cannot be measured; the kit dies on them when there are predictions.
void check_head_boxes(EvalFrame& frame, const Sequence& gt, std::size_t index, const FrameOptions& options) {
  if (frame.predictions.empty()) return;
  std::erase_if(frame.gt, [&](const EvalPerson& person) {
    if (!std::isnan(person.head_size)) return false;
    const std::string where = "ground truth " + place(gt, index);
    if (!options.skipped) {
      throw Error(ErrorCode::kInput, where, "a person has no head box", "add bbox_head, or pass --lenient to leave the person out");
    }
    options.skipped->push_back({where, "a person has no head box; person left out"});
    return true;
  });
}

// For each frame of the ground truth the index of its predictions, or -1. By position as in the kits; a lenient run with
// other numbers of frames goes by image, so that a frame missing in the middle moves nothing.
std::vector<int> pair_frames(const Sequence& gt, const Sequence& predictions, const FrameOptions& options) {
  std::vector<int> pairs(gt.frames.size(), -1);
  const std::size_t P = predictions.frames.size();
  if (gt.frames.size() == P) {
    for (std::size_t t = 0; t < P; ++t) pairs[t] = static_cast<int>(t);
    return pairs;
  }
  const std::string counts =
      "the predictions have " + std::to_string(P) + " frames, the ground truth " + std::to_string(gt.frames.size());
  if (!options.skipped) {
    throw Error(ErrorCode::kInput, predictions.name, counts,
                "predict every frame of the sequence, or pass --lenient to count missing frames as empty");
  }
  options.skipped->push_back({predictions.name, counts + "; missing ones count as empty, further ones are left out"});
  const auto key = [](const Frame& frame) { return frame.image_id != 0 ? std::to_string(frame.image_id) : frame.file_name; };
  std::unordered_map<std::string, int> by_image;
  for (std::size_t p = 0; p < P; ++p) by_image.emplace(key(predictions.frames[p]), static_cast<int>(p));
  std::size_t found = 0;
  for (std::size_t t = 0; t < pairs.size(); ++t) {
    const auto place = by_image.find(key(gt.frames[t]));
    if (place == by_image.end()) continue;
    pairs[t] = place->second;
    ++found;
  }
  if (found > 0) return pairs;
  for (std::size_t t = 0; t < std::min(P, pairs.size()); ++t) pairs[t] = static_cast<int>(t);
  return pairs;
}

void check_same_image(const Sequence& gt, const Sequence& predictions, std::size_t t, const FrameOptions& options) {
  if (gt.frames[t].image_id == predictions.frames[t].image_id) return;
  if (options.skipped) {
    options.skipped->push_back(
        {"predictions " + place(predictions, t), "another image than in the ground truth; frames are paired by position"});
    return;
  }
  throw Error(ErrorCode::kInput, "predictions " + place(predictions, t),
              "image id " + std::to_string(predictions.frames[t].image_id) + ", but the ground truth's frame " + std::to_string(t) +
                  " is image " + std::to_string(gt.frames[t].image_id),
              "list the images of the ground truth in its order");
}

}  // namespace

EvalSequence load_frames(const Sequence& gt, const Sequence& predictions, const FrameOptions& options) {
  const std::vector<int> pairs = pair_frames(gt, predictions, options);
  Side gt_side(gt, "ground truth", options), prediction_side(predictions, "predictions", options);
  const bool kit21 = options.rules == FrameRules::kPoseTrack21;
  EvalSequence result{.name = gt.name};
  for (std::size_t t = 0; t < gt.frames.size(); ++t) {
    const Frame& gt_frame = gt.frames[t];
    if (options.need_image_ids && gt.frames.size() == predictions.frames.size()) check_same_image(gt, predictions, t, options);
    // poseval does not read `is_labeled`; a frame without people is gone for it.
    if ((kit21 || options.strict_definition) && !gt_frame.labeled()) continue;
    if (gt_frame.persons.empty() && (!kit21 || options.drop_empty_frames) && !options.strict_definition) continue;
    if (gt_frame.persons.empty() && !gt_frame.is_labeled && options.strict_definition) continue;  // labelled or not: unknown
    if (gt_frame.persons.empty() && kit21 && !options.strict_definition) {
      const std::string where = "ground truth " + place(gt, t);
      if (!options.skipped) {
        throw Error(ErrorCode::kInput, where, "a labelled frame has no annotations, which the protocol does not define",
                    "mark it is_labeled = false, or pass --lenient to pass over it, or --strict-definition to count it as empty");
      }
      options.skipped->push_back({where, "labelled frame without annotations passed over"});
      continue;
    }
    EvalFrame frame{.gt = gt_side.persons(t), .source = static_cast<int>(t)};
    if (pairs[t] >= 0) frame.predictions = prediction_side.persons(pairs[t]);
    if (kit21 || !gt_frame.ignore_regions.empty()) {
      drop_ignored(frame.gt, gt_frame.ignore_regions, options.rules, options.strict_definition);
      drop_ignored(frame.predictions, gt_frame.ignore_regions, options.rules, options.strict_definition);
    }
    check_head_boxes(frame, gt, t, options);
    compute_distances(frame, options.strict_definition);
    result.frames.push_back(std::move(frame));
  }
  return result;
}

}  // namespace vepe::eval
