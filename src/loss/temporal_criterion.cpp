#include "loss/temporal_criterion.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "loss/background.h"
#include "loss/focal.h"
#include "loss/ground_truth.h"
#include "loss/instance_consistency.h"
#include "loss/keypoint_l1.h"
#include "loss/oks.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

// The loss sums of one layer over some clips, before they are divided by the counts.
struct LayerSums {
  Tensor score, keypoints, oks;
  double pairs = 0, visible = 0;

  void add(const LayerSums& other) {
    score = score.defined() ? score + other.score : other.score;
    keypoints = keypoints.defined() ? keypoints + other.keypoints : other.keypoints;
    oks = oks.defined() ? oks + other.oks : other.oks;
    pairs += other.pairs;
    visible += other.visible;
  }
};

// Scores of one clip's R queries; matched ones want `label`, others 0 unless nobody knows what is there.
Tensor score_sum(const Tensor& logit, const Tensor& keypoints, const Tensor& query, const Tensor& quality, const Targets& targets,
                 const TemporalCriterionConfig& config) {
  const bool soft = config.class_loss == "quality";
  const Tensor label = at::zeros_like(logit).index_put(
      {query}, soft ? quality.detach().to(logit.options()) : at::ones({query.size(0)}, logit.options()));
  const Tensor loss = soft ? quality_focal(logit, label, config.gamma) : sigmoid_focal(logit, label, config.alpha, config.gamma);
  const Tensor weight = background_queries(keypoints.unsqueeze(0), {targets});  // [1, R]
  if (!weight.defined()) return loss.sum();
  return (loss * weight.squeeze(0).to(loss.options()).index_put({query}, at::ones({query.size(0)}, loss.options()))).sum();
}

LayerSums clip_sums(const model::TemporalLayer& layer, const Targets& targets, const TemporalCriterionConfig& config,
                    Match& pairs) {
  const auto K = static_cast<std::int64_t>(config.sigmas.size());
  const Tensor logit = at_least_float(layer.score_logit), poses = at_least_float(layer.keypoints);
  ops::expect_shape(poses, {logit.size(0), K, 2}, "temporal criterion, keypoints");
  const GroundTruth truth = pack_ground_truth({targets}, K, poses);
  const Tensor sigmas = at::tensor(config.sigmas, at::kDouble).to(truth.keypoints.options());
  const Tensor none = at::empty({0}, truth.image.options());
  pairs =
      logit.size(0) == 0 ? Match{none, none} : match(logit.unsqueeze(0), poses.unsqueeze(0), truth, sigmas, config.matcher).front();

  const auto of_person = [&](const Tensor& values) { return values.index_select(0, pairs.person); };
  const Tensor matched = poses.index_select(0, pairs.query), visible = of_person(truth.visible);  // [M, K, 2], [M, K]
  const Tensor similarity =
      oks(matched, of_person(truth.keypoints), visible, of_person(truth.area), of_person(truth.size_px), sigmas);
  LayerSums sums;
  sums.score = score_sum(logit, poses, pairs.query, similarity, targets, config);
  sums.keypoints = keypoint_l1(matched, of_person(truth.keypoints), visible).sum();
  sums.oks = oks_loss(similarity).sum();
  sums.pairs = static_cast<double>(pairs.query.size(0));
  sums.visible = visible.sum().item<double>();
  return sums;
}

// Embeddings, clips and track ids of the matched queries of some frames.
struct Instances {
  std::vector<Tensor> embedding, clip_and_id;

  void add(const model::FrameFeatures& frame, std::int64_t clip) {
    const Tensor index = frame.matched.nonzero().squeeze(1), id = frame.track_id.index_select(0, index);
    embedding.push_back(frame.embedding.index_select(0, index));
    clip_and_id.push_back(at::stack({at::full_like(id, clip), id}, 1));
  }
};

}  // namespace

void label_frame(model::FrameFeatures& frame, const Match& match, const Targets& targets) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(frame.query.device());
  const Tensor query = match.query.to(options), person = match.person.to(options);
  frame.matched = at::zeros({frame.query.size(0)}, options.dtype(at::kBool));
  frame.track_id = at::full({frame.query.size(0)}, -1, options);
  if (query.size(0) == 0) return;
  frame.matched.index_fill_(0, query, true);
  if (targets.track_id.defined()) frame.track_id.index_copy_(0, query, targets.track_id.to(options).index_select(0, person));
}

TemporalCriterion::TemporalCriterion(TemporalCriterionConfig config, std::function<double(double)> average)
    : config_(std::move(config)), average_(std::move(average)) {
  if (config_.sigmas.empty() ||
      std::any_of(config_.sigmas.begin(), config_.sigmas.end(), [](double sigma) { return !(sigma > 0); })) {
    throw Error(ErrorCode::kUsage, "temporal loss: sigmas", "want one positive number a keypoint");
  }
  if (config_.class_loss != "focal" && config_.class_loss != "quality") {
    throw Error(ErrorCode::kUsage, "temporal loss: class_loss",
                fmt::format("'{}' is neither focal nor quality", config_.class_loss));
  }
}

double TemporalCriterion::normaliser(double count) const { return std::max(1.0, average_ ? average_(count) : count); }

LossTerms TemporalCriterion::operator()(const std::vector<TemporalClip>& clips) const {
  if (clips.empty()) throw Error(ErrorCode::kUsage, "temporal loss", "the batch has no clip");
  const std::size_t layers = clips.front().output.layers.size();
  for (const TemporalClip& clip : clips) {
    if (layers == 0 || clip.output.layers.size() != layers || clip.key >= clip.window.size()) {
      throw Error(ErrorCode::kUsage, "temporal loss", "the clips of a batch differ in their layers, or have none, or no key frame");
    }
  }
  LossTerms terms;
  add_layer(clips, layers - 1, "temporal.", terms);
  for (std::size_t d = 0; config_.auxiliary && d + 1 < layers; ++d) add_layer(clips, d, fmt::format("temporal.d{}.", d), terms);
  if (config_.instance_weight != 0) add_instance_consistency(clips, terms);
  for (const auto& [name, term] : terms.terms) terms.total = terms.total.defined() ? terms.total + term : term;
  if (!terms.total.defined())
    throw Error(ErrorCode::kUsage, "temporal loss", "every weight is 0", "give at least one term a weight");
  return terms;
}

void TemporalCriterion::add_layer(const std::vector<TemporalClip>& clips, std::size_t layer, const std::string& prefix,
                                  LossTerms& terms) const {
  LayerSums sums;
  std::vector<Match> matches(clips.size());
  for (std::size_t c = 0; c < clips.size(); ++c)
    sums.add(clip_sums(clips[c].output.layers[layer], clips[c].targets, config_, matches[c]));
  const double pairs = normaliser(sums.pairs), coordinates = normaliser(2 * sums.visible);
  const auto add = [&](const char* name, double weight, const Tensor& sum, double count) {
    if (weight != 0) terms.terms.emplace_back(prefix + name, weight * sum / count);
  };
  add("loss_cls", config_.class_weight, sums.score, pairs);
  add("loss_kpt", config_.keypoint_weight, sums.keypoints, coordinates);
  add("loss_oks", config_.oks_weight, sums.oks, pairs);
  if (terms.matches.empty()) terms.matches = std::move(matches);  // the last layer comes first
}

void TemporalCriterion::add_instance_consistency(const std::vector<TemporalClip>& clips, LossTerms& terms) const {
  Instances anchors, others;
  for (std::size_t c = 0; c < clips.size(); ++c) {
    const TemporalClip& clip = clips[c];
    for (std::size_t f = 0; f < clip.window.size(); ++f) {
      const model::FrameFeatures& frame = clip.window[f];
      if (!frame.embedding.defined()) return;  // a model without ICM
      if (!frame.matched.defined() || !frame.track_id.defined()) {
        throw Error(ErrorCode::kUsage, "temporal loss", fmt::format("frame {} of clip {} is not labelled", f, c));
      }
      (f == clip.key ? anchors : others).add(frame, static_cast<std::int64_t>(c));
    }
  }
  if (others.embedding.empty()) return;  // windows of one frame
  const Tensor loss = instance_consistency(at::cat(anchors.embedding), at::cat(anchors.clip_and_id), at::cat(others.embedding),
                                           at::cat(others.clip_and_id), config_.margin);
  terms.terms.emplace_back("loss_ic", config_.instance_weight * loss);
}

}  // namespace vepe::loss
