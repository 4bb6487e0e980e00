#pragma once

#include <functional>
#include <string>
#include <vector>

#include "loss/criterion.h"
#include "model/temporal_outputs.h"

namespace vepe::loss {

// The loss of the temporal phase: the set losses of the pose decoder on every temporal layer, and instance consistency.
struct TemporalCriterionConfig {
  std::vector<double> sigmas;  // [K], of the OKS; required

  MatcherConfig matcher;
  // Weights of the terms; 0 leaves a term out. The paper gives none for the temporal phase: the spatial pose decoder's.
  double class_weight = 2, keypoint_weight = 70, oks_weight = 2;
  double instance_weight = 1;
  double margin = 0.3;  // of eq. 5

  std::string class_loss = "focal";  // or "quality": the label of a matched query is its OKS
  double alpha = 0.25, gamma = 2;    // alpha is used by "focal" only
  bool auxiliary = true;             // losses on all layers, not only on the last one
};

// Reads the temporal table of a training recipe: keys are the members' names, `matcher` is a sub-table. `sigmas` is not read. Throws Error(kUsage).
void read_temporal_criterion_config(TableReader& table, TemporalCriterionConfig& config);

// Notes which queries of a frame the spatial matching paired with whom, for PQS, the mask from track ids and eq. 5.
// `match` is that of the frame alone, `targets` its people (unlabelled frames: an empty match).
void label_frame(model::FrameFeatures& frame, const Match& match, const Targets& targets);

// One clip of a batch: what the temporal phase got, what it answered, and the people of the key frame.
struct TemporalClip {
  std::vector<model::FrameFeatures> window;  // labelled by label_frame
  std::size_t key = 0;
  model::TemporalOutput output;
  Targets targets;
};

class TemporalCriterion {
 public:
  // `average` as for Criterion. Throws Error(kUsage) for a config that makes no sense.
  explicit TemporalCriterion(TemporalCriterionConfig config, std::function<double(double)> average = {});

  // Terms temporal.loss_cls, temporal.loss_kpt, temporal.loss_oks of the last layer, temporal.d0.loss_cls, ... of the
  // others, and loss_ic when the frames carry embeddings. Each is summed over the clips and divided by the batch's count.
  // Every term keeps its graph when nobody is there. `matches` index the kept queries of each clip's key frame.
  // Throws Error(kInput) for targets that cannot be used, Error(kUsage) for shapes.
  LossTerms operator()(const std::vector<TemporalClip>& clips) const;

 private:
  void add_layer(const std::vector<TemporalClip>& clips, std::size_t layer, const std::string& prefix, LossTerms& terms) const;
  void add_instance_consistency(const std::vector<TemporalClip>& clips, LossTerms& terms) const;
  double normaliser(double count) const;

  TemporalCriterionConfig config_;
  std::function<double(double)> average_;
};

}  // namespace vepe::loss
