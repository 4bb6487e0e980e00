#include "train/clip_pass.h"

#include <torch/torch.h>

namespace vepe::train {
namespace {

model::Memory frames_of(const model::Memory& memory, std::int64_t first, std::int64_t count) {
  model::Memory part;
  part.tokens = memory.tokens.narrow(0, first, count);
  part.shapes = memory.shapes;
  if (memory.padding.defined()) part.padding = memory.padding.narrow(0, first, count);
  part.valid_ratios = memory.valid_ratios.narrow(0, first, count);
  return part;
}

}  // namespace

std::vector<SpatialClip> split_clips(const model::SpatialOutput& output, const model::Detections& detections,
                                     const std::vector<loss::Targets>& targets, std::int64_t frames, std::size_t key,
                                     const std::vector<double>& sigmas, const loss::MatcherConfig& matcher) {
  const model::PoseLayer& last = output.pose_layers.back();
  const std::vector<loss::Match> matches = loss::match(last.score_logit, last.keypoints, targets, sigmas, matcher);
  std::vector<SpatialClip> clips;
  for (std::int64_t first = 0; first < last.query.size(0); first += frames) {
    SpatialClip clip;
    clip.memory = frames_of(output.memory, first, frames);
    clip.poses = {last.query.narrow(0, first, frames), last.score_logit.narrow(0, first, frames),
                  last.keypoints.narrow(0, first, frames)};
    clip.refined_index = detections.query_index.narrow(0, first, frames);
    clip.refined_keypoints = detections.keypoints.narrow(0, first, frames);
    clip.refined_scores = detections.keypoint_scores.narrow(0, first, frames);
    const auto begin = static_cast<std::ptrdiff_t>(first), end = static_cast<std::ptrdiff_t>(first + frames);
    clip.matches.assign(matches.begin() + begin, matches.begin() + end);
    clip.targets.assign(targets.begin() + begin, targets.begin() + end);
    clip.key = key;
    clips.push_back(std::move(clip));
  }
  return clips;
}

std::vector<model::FrameFeatures> clip_features(model::Vepe& temporal, const SpatialClip& clip, bool label) {
  model::SpatialOutput output;
  output.memory = clip.memory;
  output.pose_layers = {clip.poses};
  std::vector<model::FrameFeatures> frames =
      temporal.features(output, clip.refined_index, clip.refined_keypoints, clip.refined_scores);
  for (std::size_t f = 0; label && f < frames.size(); ++f) loss::label_frame(frames[f], clip.matches[f], clip.targets[f]);
  return frames;
}

model::TemporalOutput temporal_answer(const Network& network, const std::vector<model::FrameFeatures>& window,
                                      model::MaskSource mask) {
  model::TemporalOutput output = network.temporal->temporal(window, mask);
  const model::TemporalConfig& config = network.temporal->config();
  if (config.stpd || !config.stdme || network.config.joint_decoder.layers == 0) return output;
  model::TemporalLayer refined = output.layers.back();
  const std::int64_t R = refined.keypoints.size(0);
  if (R > 0) {
    model::SpatialOutput poses;
    poses.memory = output.memory;
    poses.pose_layers = {{output.query.unsqueeze(0), refined.score_logit.unsqueeze(0), refined.keypoints.unsqueeze(0)}};
    refined.keypoints = network.spatial->refine(poses, torch::arange(R, torch::kLong).unsqueeze(0)).back().keypoints.squeeze(0);
  }
  output.layers.push_back(refined);
  return output;
}

FramePeople spatial_people(const model::Detections& detections, std::int64_t frame) {
  return {
      detections.scores[frame], detections.keypoints[frame], detections.keypoint_scores[frame], detections.query_index[frame], {}};
}

FramePeople temporal_people(const FramePeople& spatial, const model::FrameFeatures& features, const model::TemporalOutput& output) {
  const model::TemporalLayer& answer = output.layers.back();
  // A kept query that is not among the spatial answer's best (more people than it lists) is left out, as there.
  const torch::Tensor same = output.query_index.unsqueeze(1) == spatial.query.unsqueeze(0);  // [kept, R]
  const torch::Tensor pairs = same.nonzero(), from = pairs.select(1, 0), to = pairs.select(1, 1);
  const torch::Tensor propagated = (output.query_index < 0).nonzero().squeeze(1);
  const auto merged = [&](const torch::Tensor& before, const torch::Tensor& now) {
    if (!now.defined()) return before;
    return torch::cat({before.index_copy(0, to, now.index_select(0, from)), now.index_select(0, propagated)});
  };
  FramePeople people;
  people.scores = merged(spatial.scores, answer.score_logit.sigmoid());
  people.keypoints = merged(spatial.keypoints, answer.keypoints);
  people.keypoint_scores = merged(spatial.keypoint_scores, output.keypoint_scores);
  people.query = merged(spatial.query, output.query_index);
  if (features.embedding.defined()) people.embedding = merged(features.embedding.index_select(0, spatial.query), output.embedding);
  const torch::Tensor order = people.scores.argsort(0, /*descending=*/true);
  for (torch::Tensor* rows : {&people.scores, &people.keypoints, &people.keypoint_scores, &people.query, &people.embedding}) {
    if (rows->defined()) *rows = rows->index_select(0, order);
  }
  return people;
}

}  // namespace vepe::train
