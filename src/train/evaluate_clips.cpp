#include "train/evaluate_clips.h"

#include <fmt/format.h>
#include <torch/torch.h>
#include <algorithm>

#include "core/error.h"
#include "core/interrupt.h"
#include "data/annotations.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "eval/box_tracking.h"
#include "eval/posetrack_eval.h"
#include "formats/joints.h"
#include "formats/posetrack.h"
#include "train/evaluate.h"
#include "train/linker.h"
#include "train/targets.h"

namespace vepe::train {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> annotation_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw Error(ErrorCode::kInput, path.string(), "holds no .json file", "give the folder of PoseTrack18 annotations");
  return files;
}

// A frame at the size of the network input, with its labels in the model's joints.
data::Sample load_frame(const fs::path& images, const formats::Frame& frame, const data::JointConversion& convert, int long_side) {
  data::Sample sample;
  sample.image = video::read_image(images / frame.file_name);
  if (frame.width > 0 && (frame.width != sample.image.width || frame.height != sample.image.height)) {
    throw Error(
        ErrorCode::kInput, (images / frame.file_name).string(),
        fmt::format("is {}x{}, its annotations are for {}x{}", sample.image.width, sample.image.height, frame.width, frame.height),
        "use the frames that belong to the annotations");
  }
  data::add_annotations(sample, frame, convert);
  data::AugmentConfig resize;
  resize.policy = "none";
  resize.long_sides = {long_side};
  Random random(0);
  return data::apply_augment(sample, data::draw_augment(resize, random));
}

template <typename Get>
torch::Tensor joined(const std::vector<SpatialClip>& parts, Get get) {
  std::vector<torch::Tensor> tensors;
  for (const SpatialClip& part : parts) {
    if (get(part).defined()) tensors.push_back(get(part));
  }
  return tensors.empty() ? torch::Tensor() : torch::cat(tensors);
}

// The frames of one video, whose canvases are equal.
SpatialClip join(const std::vector<SpatialClip>& parts) {
  SpatialClip clip;
  clip.memory.shapes = parts.front().memory.shapes;
  clip.memory.tokens = joined(parts, [](const SpatialClip& c) { return c.memory.tokens; });
  clip.memory.padding = joined(parts, [](const SpatialClip& c) { return c.memory.padding; });
  clip.memory.valid_ratios = joined(parts, [](const SpatialClip& c) { return c.memory.valid_ratios; });
  clip.poses.query = joined(parts, [](const SpatialClip& c) { return c.poses.query; });
  clip.poses.score_logit = joined(parts, [](const SpatialClip& c) { return c.poses.score_logit; });
  clip.poses.keypoints = joined(parts, [](const SpatialClip& c) { return c.poses.keypoints; });
  clip.refined_index = joined(parts, [](const SpatialClip& c) { return c.refined_index; });
  clip.refined_keypoints = joined(parts, [](const SpatialClip& c) { return c.refined_keypoints; });
  clip.refined_scores = joined(parts, [](const SpatialClip& c) { return c.refined_scores; });
  for (const SpatialClip& part : parts) {
    clip.matches.insert(clip.matches.end(), part.matches.begin(), part.matches.end());
    clip.targets.insert(clip.targets.end(), part.targets.begin(), part.targets.end());
  }
  return clip;
}

formats::Box box_around(const std::vector<formats::Keypoint>& keypoints) {
  double x0 = 1e30, y0 = 1e30, x1 = -1e30, y1 = -1e30;
  for (const formats::Keypoint& point : keypoints) {
    if (!point.present) continue;
    x0 = std::min(x0, point.x), x1 = std::max(x1, point.x);
    y0 = std::min(y0, point.y), y1 = std::max(y1, point.y);
  }
  return {x0, y0, x1 - x0, y1 - y0};
}

// People as the PoseTrack formats hold them, in pixels of the stored frame.
std::vector<formats::Person> to_persons(const FramePeople& people, const formats::JointSet& joints, int width, int height) {
  const torch::Tensor scores = people.scores.contiguous(), positions = people.keypoints.contiguous(),
                      certainty = people.keypoint_scores.contiguous();
  const auto score = scores.accessor<float, 1>();
  const auto position = positions.accessor<float, 3>();
  const auto joint_score = certainty.accessor<float, 2>();
  std::vector<formats::Person> persons;
  for (std::int64_t r = 0; r < scores.size(0); ++r) {
    std::vector<formats::Keypoint> keypoints;
    for (std::int64_t k = 0; k < positions.size(1); ++k) {
      keypoints.push_back({.x = data::file_from_inside(position[r][k][0] * width),
                           .y = data::file_from_inside(position[r][k][1] * height),
                           .score = static_cast<double>(score[r]) * joint_score[r][k],
                           .visibility = 1,
                           .present = true});
    }
    formats::Person person;
    person.keypoints = formats::convert_keypoints(keypoints, joints, formats::posetrack15());
    person.score = score[r];
    persons.push_back(std::move(person));
  }
  return persons;
}

// Pixels of the stored frame, for similarities.
torch::Tensor in_pixels(const torch::Tensor& keypoints, const formats::Frame& frame) {
  return keypoints * torch::tensor({static_cast<float>(frame.width), static_cast<float>(frame.height)});
}

struct Top1 {
  std::int64_t right = 0, all = 0;
  // Rows: people of this frame; columns: everybody seen in the frame before. Only people who were seen there count.
  void add(const torch::Tensor& similarity, const torch::Tensor& id, const torch::Tensor& id_before) {
    if (similarity.numel() == 0) return;
    const torch::Tensor best = similarity.argmax(1);
    for (std::int64_t i = 0; i < id.size(0); ++i) {
      const auto own = id[i].item<std::int64_t>();
      if (own < 0 || !(id_before == own).any().item<bool>()) continue;
      ++all;
      right += id_before[best[i].item<std::int64_t>()].item<std::int64_t>() == own;
    }
  }
  double share() const { return all > 0 ? static_cast<double>(right) / static_cast<double>(all) : 0; }
};

formats::Sequence with_people(const formats::Sequence& truth, const std::vector<std::vector<formats::Person>>& people) {
  formats::Sequence sequence;
  sequence.name = truth.name;
  sequence.joint_names = formats::posetrack15().names;
  for (std::size_t f = 0; f < truth.frames.size(); ++f) {
    formats::Frame frame = truth.frames[f];
    frame.persons = people[f];
    sequence.frames.push_back(std::move(frame));
  }
  return sequence;
}

eval::BoxSequence boxes_of(const formats::Sequence& truth, const formats::Sequence& predictions) {
  eval::BoxSequence boxes;
  boxes.name = truth.name;
  const auto of_frame = [](const formats::Frame& frame) {
    std::vector<eval::TrackedBox> result;
    for (const formats::Person& person : frame.persons) {
      if (person.present_count() > 0) result.push_back({person.track_id.value_or(-1), box_around(person.keypoints)});
    }
    return result;
  };
  for (std::size_t f = 0; f < truth.frames.size(); ++f)
    boxes.frames.push_back({of_frame(truth.frames[f]), of_frame(predictions.frames[f])});
  return boxes;
}

// One way of linking over all videos.
struct LinkCounts {
  Top1 top1;
  std::vector<eval::SequenceCounts> pose;
  std::vector<eval::BoxCounts> boxes;

  LinkMetrics metrics() {
    eval::PoseEvalOptions options;
    options.ap = false;
    options.threads = 1;
    const eval::PoseMetrics total = eval::combine_sequences(std::move(pose), options).total;
    LinkMetrics result;
    result.top1 = top1.share();
    result.mota = total.mota->mota.back();
    for (const auto& [name, values] : eval::pose_hota_values(*total.hota)) {
      if (std::string_view(name) == "HOTA") result.hota = values.back();
    }
    for (const auto& [name, value] : eval::mot_summary(eval::combine_boxes(boxes))) {
      if (name == "IDF1") result.idf1 = 100 * value;
    }
    return result;
  }
};

}  // namespace

Sequences::Sequences(const Network& network, const SequenceOptions& options)
    : options_(options), sigmas_(joint_sigmas(network.config, network.config.name)) {
  torch::NoGradGuard no_grad;
  const EvalMode mode(network);
  for (const fs::path& file : annotation_files(options.annotations)) {
    throw_if_interrupted();
    Video video;
    video.truth = formats::read_posetrack(file, formats::PoseTrackLayout::kPoseTrack18);
    if (!videos_.empty() && video.truth.joint_names != videos_.front().truth.joint_names) {
      throw Error(ErrorCode::kInput, file.string(), "has other joints than the sequences before it",
                  "evaluate sets of one joint order");
    }
    const data::JointConversion convert(video.truth.joint_names, network.config.keypoints, file.string());
    std::vector<SpatialClip> parts;
    for (std::size_t first = 0; first < video.truth.frames.size(); first += static_cast<std::size_t>(options.batch)) {
      std::vector<data::Sample> samples;
      for (std::size_t f = first; f < std::min(video.truth.frames.size(), first + static_cast<std::size_t>(options.batch)); ++f) {
        samples.push_back(load_frame(options.images, video.truth.frames[f], convert, options.long_side));
      }
      const data::Batch batch = data::collate(std::move(samples), std::max(32, network.config.input.multiple));
      const auto output = network.spatial->forward(network.spatial->normalise(batch.images), real_sizes(batch));
      const model::Detections detections = network.spatial->detect(output, options.max_people);
      const auto count = static_cast<std::int64_t>(batch.samples.size());
      const auto targets = make_targets(batch.samples, network.config.keypoint_count);
      loss::MatcherConfig matcher;
      matcher.min_oks = 0.1;
      parts.push_back(split_clips(output, detections, targets, count, 0, sigmas_, matcher).front());
      for (std::int64_t f = 0; f < count; ++f) video.people.push_back(spatial_people(detections, f));
      if (parts.back().memory.tokens.size(1) != parts.front().memory.tokens.size(1)) {
        throw Error(ErrorCode::kInput, file.string(), "has frames of different sizes", "split the sequence");
      }
    }
    video.clip = join(parts);
    for (formats::Frame& frame : video.truth.frames) {
      if (frame.width > 0) continue;
      const video::Image image = video::read_image(options.images / frame.file_name);
      frame.width = image.width, frame.height = image.height;
    }
    videos_.push_back(std::move(video));
  }
}

std::size_t Sequences::frames() const {
  std::size_t count = 0;
  for (const Video& video : videos_) count += video.truth.frames.size();
  return count;
}

SequenceMetrics Sequences::evaluate(const Network& network) const {
  torch::NoGradGuard no_grad;
  const EvalMode mode(network);
  const formats::JointSet& joints = *formats::find_joint_set(network.config.keypoints);
  std::vector<eval::SequenceCounts> ap;
  LinkCounts by_oks, by_embedding;
  const bool embeddings = network.temporal && network.temporal->config().icm;
  eval::PoseEvalOptions ap_only, tracking;
  ap_only.mota = ap_only.hota = false;
  tracking.ap = false;
  for (const Video& video : videos_) {
    throw_if_interrupted();
    const auto count = static_cast<std::int64_t>(video.truth.frames.size());
    std::vector<model::FrameFeatures> features;
    if (network.temporal) features = clip_features(*network.temporal, video.clip, /*label=*/false);
    std::vector<std::vector<formats::Person>> everybody, tracked;
    std::vector<LinkFrame> links;
    std::vector<torch::Tensor> ids;  // of the linked people, from the ground truth; -1 unknown
    for (std::int64_t t = 0; t < count; ++t) {
      const auto index = static_cast<std::size_t>(t);
      const formats::Frame& frame = video.truth.frames[index];
      FramePeople people = video.people[index];
      if (network.temporal) {
        std::vector<model::FrameFeatures> window;
        for (const std::int64_t f : model::window_frames(network.temporal->config(), t, count))
          window.push_back(features[static_cast<std::size_t>(f)]);
        people = temporal_people(people, features[index], temporal_answer(network, window, model::MaskSource::kEmbeddings));
      }
      const auto persons = to_persons(people, joints, frame.width, frame.height);
      const auto linked = (people.scores >= options_.track_threshold).sum().item<std::int64_t>();  // best first
      everybody.push_back(persons);
      tracked.emplace_back(persons.begin(), persons.begin() + linked);
      const torch::Tensor query = people.query.narrow(0, 0, linked);
      links.push_back({in_pixels(people.keypoints.narrow(0, 0, linked), frame), {}});
      if (embeddings) links.back().embedding = people.embedding.narrow(0, 0, linked);
      torch::Tensor of_query = torch::full({video.clip.poses.query.size(1)}, -1, torch::kLong);
      const loss::Match& match = video.clip.matches[index];
      of_query.index_copy_(0, match.query, video.clip.targets[index].track_id.index_select(0, match.person));
      ids.push_back(of_query.index_select(0, query.clamp_min(0)).masked_fill(query < 0, -1));
    }
    ap.push_back(eval::count_sequence(video.truth, with_people(video.truth, everybody), ap_only));
    const auto peopled = std::count_if(video.truth.frames.begin(), video.truth.frames.end(),
                                       [](const formats::Frame& f) { return !f.persons.empty(); });
    if (peopled < 2) continue;  // nothing to link, and MOTA is not defined
    for (const LinkBy by : {LinkBy::kOks, LinkBy::kEmbedding}) {
      if (by == LinkBy::kEmbedding && !embeddings) continue;
      LinkCounts& counts = by == LinkBy::kOks ? by_oks : by_embedding;
      for (std::size_t t = 1; t < links.size(); ++t) {
        if (links[t].keypoints.size(0) == 0 || links[t - 1].keypoints.size(0) == 0) continue;
        const torch::Tensor similarity = by == LinkBy::kOks ? pose_similarity(links[t].keypoints, links[t - 1].keypoints, sigmas_)
                                                            : links[t].embedding.matmul(links[t - 1].embedding.t());
        counts.top1.add(similarity, ids[t], ids[t - 1]);
      }
      const auto tracks = link_people(links, by, sigmas_);
      auto people = tracked;
      for (std::size_t t = 0; t < people.size(); ++t) {
        for (std::size_t p = 0; p < people[t].size(); ++p) people[t][p].track_id = tracks[t][p];
      }
      const formats::Sequence predictions = with_people(video.truth, people);
      counts.pose.push_back(eval::count_sequence(video.truth, predictions, tracking));
      counts.boxes.push_back(eval::evaluate_boxes(boxes_of(video.truth, predictions)));
    }
  }
  SequenceMetrics result;
  ap_only.threads = 1;
  const eval::ApResult total = *eval::combine_sequences(std::move(ap), ap_only).total.ap;
  const auto groups = eval::group_means(total.ap);
  std::copy_n(groups.begin(), result.joints.size(), result.joints.begin());
  result.ap = groups.back();
  result.oks = by_oks.metrics();
  if (embeddings) result.embedding = by_embedding.metrics();
  return result;
}

}  // namespace vepe::train
