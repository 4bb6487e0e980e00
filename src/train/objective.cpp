#include "train/objective.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include "loss/keypoint_score.h"
#include "train/targets.h"

namespace vepe::train {
namespace {

template <typename Config>
Config with_sigmas(Config config, const std::vector<double>& sigmas) {
  config.sigmas = sigmas;
  return config;
}

}  // namespace

Objective::Objective(const Recipe& recipe, const Network& network)
    : recipe_(recipe),
      network_(network),
      sigmas_(joint_sigmas(network.config, recipe.model)),
      spatial_(with_sigmas(recipe.loss, sigmas_)) {
  if (network.temporal) temporal_.emplace(with_sigmas(recipe.temporal_loss, sigmas_));
}

loss::LossTerms Objective::operator()(const data::Batch& batch, model::MaskSource mask) const {
  if (recipe_.stage == Stage::kTemporal) return (*this)(frozen_clips(batch), mask);
  const auto targets = make_targets(batch.samples, network_.config.keypoint_count);
  const auto output = network_.spatial->forward(network_.spatial->normalise(batch.images), real_sizes(batch));
  loss::LossTerms terms = spatial_terms(output, targets);
  if (!network_.temporal) return terms;
  loss::LossTerms temporal = (*this)(clips_of(batch, output, targets), mask);
  terms.terms.insert(terms.terms.end(), temporal.terms.begin(), temporal.terms.end());
  terms.total = terms.total + temporal.total;
  return terms;
}

loss::LossTerms Objective::operator()(const std::vector<SpatialClip>& clips, model::MaskSource mask) const {
  std::vector<loss::TemporalClip> answers;
  for (const SpatialClip& clip : clips) {
    loss::TemporalClip answer;
    answer.window = clip_features(*network_.temporal, clip, /*label=*/true);
    answer.key = clip.key;
    answer.output = temporal_answer(network_, answer.window, mask);
    answer.targets = clip.targets[clip.key];
    answers.push_back(std::move(answer));
  }
  return (*temporal_)(answers);
}

std::vector<SpatialClip> Objective::frozen_clips(const data::Batch& batch) const {
  const torch::NoGradGuard no_grad;
  const auto output = network_.spatial->forward(network_.spatial->normalise(batch.images), real_sizes(batch));
  return clips_of(batch, output, make_targets(batch.samples, network_.config.keypoint_count));
}

std::vector<SpatialClip> Objective::clips_of(const data::Batch& batch, const model::SpatialOutput& output,
                                             const std::vector<loss::Targets>& targets) const {
  const torch::NoGradGuard no_grad;  // for the joint decoder's answer; views of the output keep their gradients
  const model::Detections detections = network_.spatial->detect(output, recipe_.max_people);
  c10::AutoGradMode grad(recipe_.stage == Stage::kJoint);
  return split_clips(output, detections, targets, batch.frames, static_cast<std::size_t>(batch.key), sigmas_, recipe_.loss.matcher);
}

loss::LossTerms Objective::spatial_terms(const model::SpatialOutput& output, const std::vector<loss::Targets>& targets) const {
  std::vector<model::JointLayer> joints;
  loss::RefineFunction refine;
  if (network_.config.joint_decoder.layers > 0) {
    refine = [&](const torch::Tensor& query_index) {
      joints = network_.spatial->refine(output, query_index);
      std::vector<torch::Tensor> keypoints;
      for (const model::JointLayer& layer : joints) keypoints.push_back(layer.keypoints);
      return keypoints;
    };
  }
  loss::LossTerms terms = spatial_(output, targets, refine);
  for (std::size_t i = 0; i < joints.size(); ++i) {
    if (!joints[i].score_logits.defined()) continue;
    const torch::Tensor term =
        recipe_.keypoint_score_weight *
        loss::keypoint_score_loss(joints[i].score_logits, joints[i].keypoints, terms.matches, targets, sigmas_);
    terms.terms.emplace_back(fmt::format("d{}.loss_keypoint_score", i), term);
    terms.total = terms.total + term;
  }
  return terms;
}

}  // namespace vepe::train
