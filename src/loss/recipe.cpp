// The [loss] table of a training recipe.

#include "loss/criterion.h"
#include "loss/dense.h"
#include "loss/temporal_criterion.h"

namespace vepe::loss {
namespace {

constexpr double kMaxWeight = 1e6;

void read_matcher(TableReader table, MatcherConfig& config) {
  table.read("class_weight", config.class_weight, 0, kMaxWeight);
  table.read("keypoint_weight", config.keypoint_weight, 0, kMaxWeight);
  table.read("oks_weight", config.oks_weight, 0, kMaxWeight);
  table.read("alpha", config.alpha, 0, 1);
  table.read("gamma", config.gamma, 0, 10);
  table.read("min_oks", config.min_oks, 0, 1);
  table.finish();
}

void read_heatmap(TableReader table, HeatmapConfig& config) {
  table.read("stride", config.stride, 1, 64);
  table.read("overlap", config.overlap, 0.01, 0.99);
  table.read("max_radius", config.max_radius, 0, 64);
  table.finish();
}

}  // namespace

void read_dense_loss_config(TableReader& table, DenseLossConfig& config) {
  table.read("enabled", config.enabled);
  table.read_choice("center", config.center, {"box", "keypoints", "torso"});
  table.read("torso", config.torso, 0, 1000);
  table.read("center_weight", config.center_weight, 0, kMaxWeight);
  table.read("kpt_regression_weight", config.kpt_regression_weight, 0, kMaxWeight);
  table.read("kpt_heatmap_weight", config.kpt_heatmap_weight, 0, kMaxWeight);
  table.read("kpt_offset_weight", config.kpt_offset_weight, 0, kMaxWeight);
  table.read("box_size_weight", config.box_size_weight, 0, kMaxWeight);
  table.read("box_offset_weight", config.box_offset_weight, 0, kMaxWeight);
  table.read("overlap", config.overlap, 0.01, 0.99);
  table.read("max_radius", config.max_radius, 0, 64);
  table.read("max_keypoint_radius", config.max_keypoint_radius, 0, 64);
  table.read("offset_radius", config.offset_radius, 0, 8);
  table.finish();
}

void read_criterion_config(TableReader& table, CriterionConfig& config) {
  table.read("class_weight", config.class_weight, 0, kMaxWeight);
  table.read("keypoint_weight", config.keypoint_weight, 0, kMaxWeight);
  table.read("oks_weight", config.oks_weight, 0, kMaxWeight);
  table.read("proposal_class_weight", config.proposal_class_weight, 0, kMaxWeight);
  table.read("proposal_keypoint_weight", config.proposal_keypoint_weight, 0, kMaxWeight);
  table.read("refine_keypoint_weight", config.refine_keypoint_weight, 0, kMaxWeight);
  table.read("refine_oks_weight", config.refine_oks_weight, 0, kMaxWeight);
  table.read("heatmap_weight", config.heatmap_weight, 0, kMaxWeight);
  table.read_choice("class_loss", config.class_loss, {"focal", "quality"});
  table.read("alpha", config.alpha, 0, 1);
  table.read("gamma", config.gamma, 0, 10);
  table.read("auxiliary", config.auxiliary);
  table.read_choice("bystanders", config.bystanders, {"targets", "background", "unlabelled"});
  read_matcher(table.table("matcher"), config.matcher);
  read_heatmap(table.table("heatmap"), config.heatmap);
  TableReader dense = table.table("dense");
  read_dense_loss_config(dense, config.dense);
  table.finish();
}

void read_temporal_criterion_config(TableReader& table, TemporalCriterionConfig& config) {
  table.read("class_weight", config.class_weight, 0, kMaxWeight);
  table.read("keypoint_weight", config.keypoint_weight, 0, kMaxWeight);
  table.read("oks_weight", config.oks_weight, 0, kMaxWeight);
  table.read("instance_weight", config.instance_weight, 0, kMaxWeight);
  table.read("margin", config.margin, 0, 2);
  table.read_choice("class_loss", config.class_loss, {"focal", "quality"});
  table.read("alpha", config.alpha, 0, 1);
  table.read("gamma", config.gamma, 0, 10);
  table.read("auxiliary", config.auxiliary);
  read_matcher(table.table("matcher"), config.matcher);
  table.finish();
}

}  // namespace vepe::loss
