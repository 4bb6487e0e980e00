#include "infer/relink.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "formats/joints.h"

namespace vepe::infer {
namespace {

std::vector<double> sigmas_of(const formats::Sequence& sequence) {
  const formats::JointSet* set = formats::find_joint_set(sequence.joint_names);
  if (set && !sequence.joint_names.empty()) return set->sigmas;
  const std::vector<double>& coco = formats::coco17().sigmas;
  const double mean = std::accumulate(coco.begin(), coco.end(), 0.0) / static_cast<double>(coco.size());
  return std::vector<double>(sequence.joint_names.size(), mean);
}

// Absent keypoints stand in the middle of the others and count for little.
std::vector<PoseKeypoint> keypoints_of(const formats::Person& person, std::size_t count) {
  std::vector<PoseKeypoint> keypoints(count);
  double x = 0, y = 0;
  const int present = person.present_count();
  for (const formats::Keypoint& p : person.keypoints) {
    if (p.present) x += p.x / present, y += p.y / present;
  }
  if (present == 0) return {};
  for (std::size_t k = 0; k < count; ++k) {
    keypoints[k] = {static_cast<float>(x), static_cast<float>(y), 0};
    if (k >= person.keypoints.size() || !person.keypoints[k].present) continue;
    const formats::Keypoint& p = person.keypoints[k];
    const float score = p.score == formats::kNoScore ? 1.f : static_cast<float>(std::clamp(p.score, 0.0, 1.0));
    keypoints[k] = {static_cast<float>(p.x), static_cast<float>(p.y), score};
  }
  return keypoints;
}

std::vector<float> unit(std::vector<float> embedding) {
  double sum = 0;
  for (const float value : embedding) sum += static_cast<double>(value) * static_cast<double>(value);
  const double length = std::sqrt(sum);
  if (length == 0) return {};
  for (float& value : embedding) value = static_cast<float>(value / length);
  return embedding;
}

}  // namespace

RelinkReport relink(formats::Sequence& sequence, TrackerOptions options, const Pictures& pictures) {
  RelinkReport report;
  const formats::JointSet* joint_set = formats::find_joint_set(sequence.joint_names);
  const bool coloured = pictures && joint_set && options.colour > 0;
  const ClothedJoints joints = coloured ? clothed_joints(*joint_set) : ClothedJoints{};
  if (options.sigmas.empty()) options.sigmas = sigmas_of(sequence);
  const std::size_t count = options.sigmas.size();
  std::size_t length = 0;
  Tracker tracker(std::move(options));
  std::set<std::int64_t> tracks;
  for (formats::Frame& frame : sequence.frames) {
    std::vector<Pose> poses;
    std::vector<formats::Person*> people;
    for (std::size_t i = 0; i < frame.persons.size(); ++i) {
      formats::Person& person = frame.persons[i];
      person.track_id.reset();
      ++report.people;
      if (!person.embedding.empty()) {
        ++report.embeddings;
        if (length == 0) length = person.embedding.size();
        if (person.embedding.size() != length) {
          throw Error(ErrorCode::kInput, "frame " + std::to_string(frame.index) + ": person " + std::to_string(i + 1),
                      "the embedding has " + std::to_string(person.embedding.size()) + " numbers, those before have " +
                          std::to_string(length),
                      "link poses of one model only");
        }
      }
      Pose pose{keypoints_of(person, count), static_cast<float>(person.score.value_or(1)), unit(person.embedding)};
      if (pose.keypoints.empty()) continue;
      poses.push_back(std::move(pose));
      people.push_back(&person);
    }
    std::vector<Clothes> clothes;
    const video::Image* picture = coloured && !poses.empty() ? pictures(frame) : nullptr;
    if (picture) clothes = describe_clothes(*picture, poses, joints);
    const std::vector<std::int64_t> ids = tracker.update(poses, clothes);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0) continue;
      people[i]->track_id = ids[i];
      tracks.insert(ids[i]);
    }
    // As in predict: who neither continues nor starts a track is not there.
    report.without_id +=
        static_cast<std::int64_t>(std::erase_if(frame.persons, [](const formats::Person& person) { return !person.track_id; }));
    ++report.frames;
  }
  report.tracks = static_cast<std::int64_t>(tracks.size());
  return report;
}

}  // namespace vepe::infer
