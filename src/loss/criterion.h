#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/config.h"
#include "loss/dense.h"
#include "loss/heatmap.h"
#include "loss/matcher.h"
#include "loss/targets.h"
#include "model/outputs.h"

namespace vepe::loss {

// The set loss of the spatial phase (PETR, CVPR 2022). Defaults are the public COCO recipe.
struct CriterionConfig {
  std::vector<double> sigmas;  // [K], of the OKS; required

  MatcherConfig matcher;
  // Weights of the terms; 0 leaves a term out.
  double class_weight = 2, keypoint_weight = 70, oks_weight = 2;
  double proposal_class_weight = 2, proposal_keypoint_weight = 70;
  double refine_keypoint_weight = 80, refine_oks_weight = 3;
  double heatmap_weight = 4;

  // "focal": matched queries have label 1. "quality": their label is the OKS of their pose, so that scores rank poses by
  // how good they are.
  std::string class_loss = "focal";
  double alpha = 0.25, gamma = 2;  // alpha is used by "focal" only

  bool auxiliary = true;  // losses on all decoder layers, not only on the last one of each decoder

  // What unmatched queries in ignore boxes and in images with unlabelled bystanders are. "targets": not punished, as the
  // targets say. "background": punished like all others (the public recipe). "unlabelled": no image's background is punished.
  std::string bystanders = "targets";

  HeatmapConfig heatmap;
  DenseLossConfig dense;  // used when the model has dense heads and dense.enabled
};

// Reads [loss] of a training recipe; keys are the members' names, `matcher`, `heatmap` and `dense` are sub-tables.
// `sigmas` is not read: they belong to the model's joint set. Throws Error(kUsage).
void read_criterion_config(TableReader& table, CriterionConfig& config);

// Named loss terms, already weighted, and their sum.
struct LossTerms {
  std::vector<std::pair<std::string, Tensor>> terms;
  Tensor total;
  std::vector<Match> matches;  // of the last pose-decoder layer, per image
};

// Runs the joint decoder on chosen poses of the last pose layer. `query_index` [B, R] int64, padded with 0. Returns the
// keypoints [B, R, K, 2] of each joint-decoder layer.
using RefineFunction = std::function<std::vector<Tensor>(const Tensor& query_index)>;

class Criterion {
 public:
  // `average` takes this process's normaliser (a count) to the mean over all processes; empty for one process. Every
  // process calls it equally often, in the same order. Throws Error(kUsage) for a config that makes no sense.
  explicit Criterion(CriterionConfig config, std::function<double(double)> average = {});

  // `targets` has one entry per image. With an empty `refine` the joint decoder has no terms. Every term keeps its graph when
  // there is nobody in the batch, so each parameter always gets a gradient. Names as in the public project:
  // enc_loss_cls, enc_loss_kpt, loss_cls, loss_kpt, loss_oks, d0.loss_cls, ..., loss_hm, d0.loss_kpt_refine, ...; those of
  // the dense heads start with "dense.". Throws Error(kInput) for targets that cannot be used, Error(kUsage) for shapes.
  LossTerms operator()(const model::SpatialOutput& out, const std::vector<Targets>& targets, const RefineFunction& refine) const;

  const CriterionConfig& config() const { return config_; }

 private:
  struct Batch;

  void add_proposals(const Batch& batch, const model::Proposals& proposals, LossTerms& terms) const;
  void add_pose_layer(const Batch& batch, const model::PoseLayer& layer, const std::vector<Match>& matches,
                      const std::string& prefix, LossTerms& terms) const;
  void add_heatmap(const Batch& batch, const model::SpatialOutput& out, LossTerms& terms) const;
  void add_refinement(const Batch& batch, const std::vector<Match>& matches, const RefineFunction& refine, LossTerms& terms) const;
  Tensor class_term(const Batch& batch, const Tensor& score_logit, const Tensor& keypoints, const FlatMatch& match) const;
  Tensor keypoint_term(const Batch& batch, const Tensor& matched, const FlatMatch& match) const;
  Tensor oks_term(const Batch& batch, const Tensor& matched, const FlatMatch& match) const;
  double normaliser(double count) const;

  CriterionConfig config_;
  std::function<double(double)> average_;
};

}  // namespace vepe::loss
