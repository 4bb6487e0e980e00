#include "model/spatial_model.h"

#include <cmath>

#include "core/error.h"
#include "model/make_backbone.h"
#include "ops/position.h"

namespace vepe::model {
namespace {

// True outside the real image of each frame; undefined when every frame fills the canvas.
Tensor padding_mask(const Tensor& images, const Tensor& sizes) {
  const std::int64_t H = images.size(2), W = images.size(3);
  const Tensor height = sizes.select(1, 0).view({-1, 1, 1}), width = sizes.select(1, 1).view({-1, 1, 1});
  if ((height >= H).all().item<bool>() && (width >= W).all().item<bool>()) return {};
  const Tensor y = torch::arange(H, sizes.options()).view({1, H, 1}), x = torch::arange(W, sizes.options()).view({1, 1, W});
  return (y >= height) | (x >= width);
}

}  // namespace

HeatmapBranch::HeatmapBranch(const ModelConfig& config) {
  auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
  auto layers = encoder->register_module("layers", std::make_shared<torch::nn::Module>());
  layer_ = layers->register_module("0", std::make_shared<EncoderLayer>(config, 1, config.encoder.points));
  out_ = register_module("out", torch::nn::Linear(config.channels, config.keypoint_count));
  torch::nn::init::normal_(out_->weight, 0, 0.01);
  torch::nn::init::constant_(out_->bias, -std::log((1 - 0.1) / 0.1));  // p = 0.1
}

// The public implementation passes the position encoding under a name that nobody reads, so none arrives here.
Tensor HeatmapBranch::forward(const Memory& memory) {
  const ops::LevelShape shape = memory.shapes.front();
  const std::int64_t count = shape.height * shape.width, B = memory.tokens.size(0), C = memory.tokens.size(2);
  const Tensor tokens = memory.tokens.slice(1, 0, count);
  const Tensor reference = ops::encoder_reference_points({shape}, memory.valid_ratios.slice(1, 0, 1));
  const Tensor padding = memory.padding.defined() ? memory.padding.slice(1, 0, count) : Tensor();
  const Tensor features = layer_->forward(tokens, {}, reference, {shape}, padding);
  return out_->forward(features.view({B, shape.height, shape.width, C})).permute({0, 3, 1, 2});
}

SpatialModel::SpatialModel(const ModelConfig& config) : config_(config) {
  std::vector<std::int64_t> in_channels;
  if (config.small_trunk()) {
    trunk_ = register_module("backbone", std::make_shared<SmallTrunk>(config.keypoint_count));
    for (const std::string& map : config.neck.inputs) in_channels.push_back(SmallTrunk::channels(map));
  } else {
    backbone_ = register_module("backbone", make_backbone(config.backbone));
    in_channels = backbone_->out_channels();
  }
  neck_ = register_module("neck", std::make_shared<Neck>(in_channels, config));
  encoder_ = register_module("encoder", std::make_shared<Encoder>(config));
  if (config.dense()) {
    dense_proposals_ = register_module("proposals", std::make_shared<DenseProposals>(config));
  } else {
    encoder_proposals_ = register_module("proposals", std::make_shared<EncoderProposals>(config));
  }
  pose_decoder_ = register_module("pose_decoder", std::make_shared<PoseDecoder>(config));
  if (config.joint_decoder.layers > 0) joint_decoder_ = register_module("joint_decoder", std::make_shared<JointDecoder>(config));
  if (config.heatmap.enabled) heatmap_ = register_module("heatmap", std::make_shared<HeatmapBranch>(config));
}

Tensor SpatialModel::normalise(const Tensor& images) const {
  const auto row = [](const std::vector<double>& values) {
    return torch::tensor(std::vector<float>(values.begin(), values.end())).view({1, 3, 1, 1});
  };
  return (images.to(torch::kFloat) - row(config_.input.mean)) / row(config_.input.std);
}

SpatialOutput SpatialModel::forward(const Tensor& images, const Tensor& sizes, Stages* stages) {
  std::vector<Tensor> maps;
  DenseHeads dense;
  if (trunk_) {
    SmallTrunk::Features features = trunk_->forward(images, config_.dense(), stages);
    for (const std::string& name : config_.neck.inputs) maps.push_back(features.maps.at(name).to(torch::kFloat));
    dense = features.dense;
  } else {
    for (const Tensor& map : backbone_->forward(images.to(backbone_type_))) maps.push_back(map.to(torch::kFloat));
  }
  for (std::size_t i = 0; stages && i < maps.size(); ++i) record(stages, "backbone.level" + std::to_string(i), maps[i]);
  const std::vector<Tensor> levels = neck_->forward(maps);
  for (std::size_t i = 0; stages && i < levels.size(); ++i) record(stages, "neck.level" + std::to_string(i), levels[i]);

  SpatialOutput output;
  output.memory = encoder_->forward(levels, padding_mask(images, sizes), stages);
  Tensor content;
  if (dense_proposals_) {
    auto [proposals, seeded] = dense_proposals_->forward(dense, output.memory, sizes);
    output.proposals = proposals;
    content = seeded;
  } else {
    output.proposals = encoder_proposals_->forward(output.memory, stages);
  }
  output.pose_layers = pose_decoder_->forward(output.memory, output.proposals, content, stages);
  if (heatmap_ && (is_training() || stages)) {
    output.heatmap_logit = heatmap_->forward(output.memory);
    record(stages, "heatmap.logit", output.heatmap_logit);
  }
  return output;
}

std::vector<JointLayer> SpatialModel::refine(const SpatialOutput& output, const Tensor& query_index, Stages* stages) {
  if (!joint_decoder_) return {};
  const PoseLayer& last = output.pose_layers.back();
  const std::int64_t B = query_index.size(0), R = query_index.size(1), K = last.keypoints.size(2), C = last.query.size(2);
  const Tensor poses = last.keypoints.gather(1, query_index.view({B, R, 1, 1}).expand({B, R, K, 2}));
  const Tensor queries = last.query.gather(1, query_index.view({B, R, 1}).expand({B, R, C}));
  return joint_decoder_->forward(output.memory, poses, queries, stages);
}

Detections SpatialModel::detect(const SpatialOutput& output, std::int64_t count, Stages* stages) {
  const PoseLayer& last = output.pose_layers.back();
  Detections detections;
  std::tie(detections.scores, detections.query_index) =
      last.score_logit.sigmoid().topk(std::min(count, last.score_logit.size(1)), 1);
  const std::int64_t B = detections.scores.size(0), R = detections.scores.size(1), K = last.keypoints.size(2);
  const auto layers = refine(output, detections.query_index, stages);
  if (layers.empty()) {
    detections.keypoints = last.keypoints.gather(1, detections.query_index.view({B, R, 1, 1}).expand({B, R, K, 2}));
  } else {
    detections.keypoints = layers.back().keypoints;
  }
  if (!layers.empty() && layers.back().score_logits.defined()) {
    detections.keypoint_scores = layers.back().score_logits.sigmoid();
  } else {
    detections.keypoint_scores = detections.scores.unsqueeze(-1).expand({B, R, K}).contiguous();
  }
  return detections;
}

void SpatialModel::use_bfloat16() {
  if (trunk_) {
    trunk_->use_bfloat16();
  } else {
    backbone_->fold_batch_norm();
    backbone_->to(torch::kBFloat16);
    backbone_type_ = torch::kBFloat16;
  }
}

void SpatialModel::compute_in_bfloat16(bool on) {
  if (trunk_) trunk_->set_compute_type(on ? torch::kBFloat16 : torch::kFloat);
}

}  // namespace vepe::model
