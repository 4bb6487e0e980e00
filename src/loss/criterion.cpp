#include "loss/criterion.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "loss/background.h"
#include "loss/focal.h"
#include "loss/ground_truth.h"
#include "loss/keypoint_l1.h"
#include "loss/oks.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

// The pairs' predictions: [B, N, ...] -> [M, ...].
Tensor gather(const Tensor& values, const Tensor& image, const Tensor& position) {
  return at_least_float(values.index({image, position}));
}

// Targets as the config wants the bystanders to be treated.
std::vector<Targets> with_bystanders(const std::vector<Targets>& targets, const std::string& bystanders) {
  std::vector<Targets> changed = targets;
  for (Targets& image : changed) {
    if (bystanders == "background") {
      image.ignore_boxes = Tensor();
      image.unlabelled_bystanders = false;
    } else if (bystanders == "unlabelled") {
      image.unlabelled_bystanders = true;
    }
  }
  return changed;
}

void check(const CriterionConfig& config) {
  const auto fail = [](const std::string& key, const std::string& message) {
    throw Error(ErrorCode::kUsage, "loss: " + key, message);
  };
  if (config.sigmas.empty()) fail("sigmas", "none given");
  for (const double sigma : config.sigmas) {
    if (!(sigma > 0)) fail("sigmas", fmt::format("{} is not positive", sigma));
  }
  if (config.class_loss != "focal" && config.class_loss != "quality") {
    fail("class_loss", fmt::format("'{}' is neither focal nor quality", config.class_loss));
  }
  if (config.bystanders != "targets" && config.bystanders != "background" && config.bystanders != "unlabelled") {
    fail("bystanders", fmt::format("'{}' is none of targets, background, unlabelled", config.bystanders));
  }
}

}  // namespace

// What all terms of one call share.
struct Criterion::Batch {
  std::vector<Targets> targets;
  GroundTruth truth;
  Tensor sigmas;  // [K]
};

Criterion::Criterion(CriterionConfig config, std::function<double(double)> average)
    : config_(std::move(config)), average_(std::move(average)) {
  check(config_);
}

double Criterion::normaliser(double count) const { return std::max(1.0, average_ ? average_(count) : count); }

LossTerms Criterion::operator()(const model::SpatialOutput& out, const std::vector<Targets>& targets,
                                const RefineFunction& refine) const {
  if (out.pose_layers.empty()) throw Error(ErrorCode::kUsage, "criterion", "the model has no pose-decoder layer");
  const model::PoseLayer& last = out.pose_layers.back();
  const auto keypoint_count = static_cast<std::int64_t>(config_.sigmas.size());
  ops::expect_shape(last.keypoints, {static_cast<std::int64_t>(targets.size()), -1, keypoint_count, 2}, "criterion, keypoints");

  Batch batch{with_bystanders(targets, config_.bystanders), pack_ground_truth(targets, keypoint_count, last.keypoints), {}};
  batch.sigmas = at::tensor(config_.sigmas, at::kDouble).to(batch.truth.keypoints.options());

  LossTerms terms;
  const auto matched = [&](const model::PoseLayer& layer) {
    return match(layer.score_logit, layer.keypoints, batch.truth, batch.sigmas, config_.matcher);
  };
  if (out.proposals.score_logit.defined()) add_proposals(batch, out.proposals, terms);
  terms.matches = matched(last);
  add_pose_layer(batch, last, terms.matches, "", terms);
  for (std::size_t d = 0; config_.auxiliary && d + 1 < out.pose_layers.size(); ++d) {
    const model::PoseLayer& layer = out.pose_layers[d];
    add_pose_layer(batch, layer, matched(layer), fmt::format("d{}.", d), terms);
  }
  if (out.heatmap_logit.defined() && config_.heatmap_weight != 0) add_heatmap(batch, out, terms);
  if (refine) add_refinement(batch, terms.matches, refine, terms);
  if (out.proposals.dense.center.defined() && config_.dense.enabled) {
    for (auto& [name, term] : dense_loss(out.proposals.dense, batch.targets, config_.dense, average_)) {
      terms.terms.emplace_back("dense." + name, std::move(term));
    }
  }
  for (const auto& [name, term] : terms.terms) terms.total = terms.total.defined() ? terms.total + term : term;
  if (!terms.total.defined()) throw Error(ErrorCode::kUsage, "loss", "every weight is 0", "give at least one term a weight");
  return terms;
}

Tensor Criterion::class_term(const Batch& batch, const Tensor& score_logit, const Tensor& keypoints, const FlatMatch& match) const {
  const Tensor logit = at_least_float(score_logit);
  Tensor label = at::zeros_like(logit), loss;
  if (config_.class_loss == "quality") {
    const at::NoGradGuard no_grad;
    const GroundTruth& truth = batch.truth;
    const auto of_person = [&](const Tensor& values) { return values.index_select(0, match.person); };
    label.index_put_({match.image, match.query},
                     oks(gather(keypoints, match.image, match.query), of_person(truth.keypoints), of_person(truth.visible),
                         of_person(truth.area), of_person(truth.size_px), batch.sigmas)
                         .to(label.options()));
  } else {
    label.index_put_({match.image, match.query}, at::ones({match.count()}, label.options()));
  }
  loss = config_.class_loss == "quality" ? quality_focal(logit, label, config_.gamma)
                                         : sigmoid_focal(logit, label, config_.alpha, config_.gamma);
  Tensor weight = background_queries(keypoints, batch.targets);
  if (weight.defined()) {
    weight = weight.to(loss.options()).index_put({match.image, match.query}, at::ones({match.count()}, loss.options()));
    loss = loss * weight;
  }
  return loss.sum() / normaliser(static_cast<double>(match.count()));
}

Tensor Criterion::keypoint_term(const Batch& batch, const Tensor& matched, const FlatMatch& match) const {
  const Tensor visible = batch.truth.visible.index_select(0, match.person);
  const Tensor error = keypoint_l1(matched, batch.truth.keypoints.index_select(0, match.person), visible);
  return error.sum() / normaliser(2 * visible.sum().item<double>());
}

Tensor Criterion::oks_term(const Batch& batch, const Tensor& matched, const FlatMatch& match) const {
  const auto of_person = [&](const Tensor& values) { return values.index_select(0, match.person); };
  const GroundTruth& truth = batch.truth;
  const Tensor similarity = oks(matched, of_person(truth.keypoints), of_person(truth.visible), of_person(truth.area),
                                of_person(truth.size_px), batch.sigmas);
  return oks_loss(similarity).sum() / normaliser(static_cast<double>(match.count()));
}

void Criterion::add_proposals(const Batch& batch, const model::Proposals& proposals, LossTerms& terms) const {
  if (config_.proposal_class_weight == 0 && config_.proposal_keypoint_weight == 0) return;
  if (!proposals.keypoints.defined()) {
    throw Error(ErrorCode::kUsage, "criterion", "the proposals come without the keypoints of all tokens",
                "run the model in training mode");
  }
  const auto matches = match(proposals.score_logit, proposals.keypoints, batch.truth, batch.sigmas, config_.matcher);
  const FlatMatch flat = flatten(matches, batch.truth);
  if (config_.proposal_class_weight != 0) {
    terms.terms.emplace_back("enc_loss_cls",
                             config_.proposal_class_weight * class_term(batch, proposals.score_logit, proposals.keypoints, flat));
  }
  if (config_.proposal_keypoint_weight != 0) {
    const Tensor matched = gather(proposals.keypoints, flat.image, flat.query);
    terms.terms.emplace_back("enc_loss_kpt", config_.proposal_keypoint_weight * keypoint_term(batch, matched, flat));
  }
}

void Criterion::add_pose_layer(const Batch& batch, const model::PoseLayer& layer, const std::vector<Match>& matches,
                               const std::string& prefix, LossTerms& terms) const {
  const FlatMatch flat = flatten(matches, batch.truth);
  const Tensor matched = gather(layer.keypoints, flat.image, flat.query);  // [M, K, 2]
  if (config_.class_weight != 0) {
    terms.terms.emplace_back(prefix + "loss_cls",
                             config_.class_weight * class_term(batch, layer.score_logit, layer.keypoints, flat));
  }
  if (config_.keypoint_weight != 0) {
    terms.terms.emplace_back(prefix + "loss_kpt", config_.keypoint_weight * keypoint_term(batch, matched, flat));
  }
  if (config_.oks_weight != 0) {
    terms.terms.emplace_back(prefix + "loss_oks", config_.oks_weight * oks_term(batch, matched, flat));
  }
}

void Criterion::add_heatmap(const Batch& batch, const model::SpatialOutput& out, LossTerms& terms) const {
  const Tensor& logit = out.heatmap_logit;
  const std::int64_t images = logit.size(0), height = logit.size(2), width = logit.size(3);
  ops::expect_shape(logit, {static_cast<std::int64_t>(batch.targets.size()), batch.sigmas.size(0), -1, -1},
                    "criterion, heatmap_logit");
  const Tensor target = heatmap_target(batch.targets, logit.size(1), height, width, config_.heatmap);
  Tensor background = background_cells(batch.targets, height, width, config_.heatmap.stride);
  if (out.memory.padding.defined()) {  // the branch's map is the first level of the memory
    const Tensor real =
        out.memory.padding.slice(1, 0, height * width).logical_not().view({images, 1, height, width}).to(at::kFloat);
    background = background.defined() ? background.to(real.device()) * real : real;
  }
  const HeatmapLoss loss = heatmap_focal(logit, target, background);
  terms.terms.emplace_back("loss_hm", config_.heatmap_weight * loss.sum / normaliser(loss.positives));
}

void Criterion::add_refinement(const Batch& batch, const std::vector<Match>& matches, const RefineFunction& refine,
                               LossTerms& terms) const {
  const FlatMatch flat = flatten(matches, batch.truth);
  std::int64_t longest = 1;  // one pose even when nobody is there: the joint decoder stays in the graph
  for (const Match& one : matches) longest = std::max(longest, one.query.size(0));
  const Tensor query_index = at::zeros({static_cast<std::int64_t>(matches.size()), longest}, flat.query.options());
  query_index.index_put_({flat.image, flat.slot}, flat.query);
  const std::vector<Tensor> layers = refine(query_index);
  for (std::size_t d = config_.auxiliary || layers.empty() ? 0 : layers.size() - 1; d < layers.size(); ++d) {
    ops::expect_shape(layers[d], {query_index.size(0), longest, batch.sigmas.size(0), 2}, "criterion, refined keypoints");
    const Tensor matched = gather(layers[d], flat.image, flat.slot);
    if (config_.refine_keypoint_weight != 0) {
      terms.terms.emplace_back(fmt::format("d{}.loss_kpt_refine", d),
                               config_.refine_keypoint_weight * keypoint_term(batch, matched, flat));
    }
    if (config_.refine_oks_weight != 0) {
      terms.terms.emplace_back(fmt::format("d{}.loss_oks_refine", d), config_.refine_oks_weight * oks_term(batch, matched, flat));
    }
  }
}

}  // namespace vepe::loss
