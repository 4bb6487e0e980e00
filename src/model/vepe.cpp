#include "model/vepe.h"

#include "core/error.h"
#include "model/pose_query_selection.h"
#include "model/query_propagation.h"

namespace vepe::model {
namespace {

// Frame b of a batch as a batch of one.
Memory frame_memory(const Memory& memory, std::int64_t b) {
  Memory frame;
  frame.tokens = memory.tokens.slice(0, b, b + 1);
  frame.shapes = memory.shapes;
  if (memory.padding.defined()) frame.padding = memory.padding.slice(0, b, b + 1);
  frame.valid_ratios = memory.valid_ratios.slice(0, b, b + 1);
  return frame;
}

void check(const FrameFeatures& frame, const FrameFeatures& key) {
  const std::int64_t N = frame.query.size(0), C = key.query.size(1), K = key.keypoints.size(1);
  ops::expect_shape(frame.memory.tokens, {1, -1, C}, "memory of a frame");
  ops::expect_shape(frame.query, {N, C}, "pose queries of a frame");
  ops::expect_shape(frame.score_logit, {N}, "scores of a frame");
  ops::expect_shape(frame.keypoints, {N, K, 2}, "keypoints of a frame");
  if (frame.keypoint_scores.defined()) ops::expect_shape(frame.keypoint_scores, {N, K}, "keypoint scores of a frame");
  if (frame.embedding.defined()) ops::expect_shape(frame.embedding, {N, -1}, "embeddings of a frame");
}

}  // namespace

Vepe::Vepe(const ModelConfig& config, const TemporalConfig& temporal) : temporal_(temporal) {
  if (temporal.icm) instance_stream_ = register_module("instance_stream", std::make_shared<InstanceStream>(config, temporal));
  if (temporal.stpe) stpe_ = register_module("stpe", std::make_shared<Stpe>(config, temporal));
  if (temporal.stdme) stdme_ = register_module("stdme", std::make_shared<Stdme>(config, temporal));
  if (temporal.stpd) {
    stpd_ = register_module("stpd", std::make_shared<Stpd>(config, temporal));
  } else if (temporal.stpe) {
    heads_ = register_module("temporal_heads", std::make_shared<PoseHeads>(config));
  }
  if (temporal.propagate) propagated_ = register_parameter("propagated", torch::zeros({config.channels}));
}

void Vepe::use_bfloat16() {
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    if (item.key().find(".value_proj.") != std::string::npos) item.value().set_data(item.value().to(torch::kBFloat16));
  }
}

std::vector<FrameFeatures> Vepe::features(const SpatialOutput& output, const Tensor& refined_index, const Tensor& refined_keypoints,
                                          const Tensor& refined_scores) {
  const PoseLayer& last = output.pose_layers.back();
  const std::int64_t B = last.query.size(0), K = last.keypoints.size(2);
  Tensor embeddings, keypoints = last.keypoints, keypoint_scores;  // [B, N, C], [B, N, K, 2], [B, N, K]
  if (instance_stream_) embeddings = instance_stream_->forward(output.memory, last.query, last.keypoints);
  if (refined_keypoints.defined()) {
    const std::int64_t R = refined_index.size(1);
    keypoints = keypoints.scatter(1, refined_index.view({B, R, 1, 1}).expand({B, R, K, 2}), refined_keypoints);
  }
  if (refined_scores.defined()) {
    const Tensor rows = refined_index.unsqueeze(2).expand({B, refined_index.size(1), K});
    keypoint_scores = torch::zeros({B, last.query.size(1), K}, refined_scores.options()).scatter(1, rows, refined_scores);
  }
  const std::vector<Tensor> values = stdme_ ? stdme_->values(output.memory) : std::vector<Tensor>();
  std::vector<FrameFeatures> frames;
  for (std::int64_t b = 0; b < B; ++b) {
    FrameFeatures frame;
    frame.memory = frame_memory(output.memory, b);
    frame.query = last.query[b];
    frame.score_logit = last.score_logit[b];
    frame.keypoints = keypoints[b];
    if (embeddings.defined()) frame.embedding = embeddings[b];
    if (keypoint_scores.defined()) frame.keypoint_scores = keypoint_scores[b];
    for (const Tensor& layer : values) frame.memory_values.push_back(layer.slice(0, b, b + 1));
    frames.push_back(std::move(frame));
  }
  return frames;
}

TemporalOutput Vepe::temporal(const std::vector<FrameFeatures>& window, MaskSource mask) {
  if (static_cast<int>(window.size()) != temporal_.frames) {
    throw Error(ErrorCode::kUsage, "temporal phase",
                "the window has " + std::to_string(window.size()) + " frames, the model wants " + std::to_string(temporal_.frames),
                "repeat the first or last frame at the ends of a video");
  }
  const auto key = static_cast<std::size_t>(temporal_.key_position());
  std::vector<KeptQueries> kept;
  std::vector<Memory> memories;
  std::vector<std::vector<Tensor>> values;
  for (const FrameFeatures& frame : window) {
    check(frame, window[key]);
    kept.push_back(select_pose_queries(frame, temporal_.pqs_threshold));
    memories.push_back(frame.memory);
    values.push_back(frame.memory_values);
  }

  if (temporal_.propagate) kept[key] = with_propagated(kept);

  TemporalOutput output;
  output.query_index = kept[key].index;
  output.embedding = kept[key].embedding;
  Tensor keypoints = kept[key].keypoints;
  output.query = kept[key].query;
  output.keypoint_scores = kept[key].keypoint_scores;
  if (stpe_) {
    StpeOutput encoded = stpe_->forward(kept, key, allowed(kept, mask));
    output.query = encoded.query;
    keypoints = encoded.keypoints;
    output.keypoint_scores = encoded.keypoint_scores;
    output.layers.push_back({kept[key].score_logit, keypoints});
  }
  // With nobody in the key frame the temporal memory, which is most of the work, would have no reader.
  output.memory = stdme_ && kept[key].count() > 0 ? stdme_->forward(memories, key, std::move(values)) : memories[key];
  if (stpd_) {
    for (TemporalLayer& layer : stpd_->forward(output.query, keypoints, kept[key].score_logit, output.memory))
      output.layers.push_back(std::move(layer));
  } else if (heads_) {
    output.layers.push_back(heads_->forward(output.query, keypoints, kept[key].score_logit));
  } else {
    output.layers.push_back({kept[key].score_logit, keypoints});
  }
  return output;
}

KeptQueries Vepe::with_propagated(const std::vector<KeptQueries>& kept) const {
  const auto key = static_cast<std::size_t>(temporal_.key_position());
  KeptQueries found = propagated_queries(kept[key - 1], kept[key], kept[key + 1], temporal_.mask_threshold);
  found.query = found.query + propagated_;
  return joined(kept[key], found);
}

Tensor Vepe::allowed(const std::vector<KeptQueries>& kept, MaskSource mask) const {
  if (!instance_stream_) return {};
  const auto key = static_cast<std::size_t>(temporal_.key_position());
  std::vector<Tensor> masks;
  for (std::size_t f = 0; f < kept.size(); ++f) {
    if (f == key) continue;
    const bool from_ids = mask == MaskSource::kTrackIds;
    for (const std::size_t frame : {f, key}) {
      if (from_ids ? kept[frame].track_id.defined() : kept[frame].embedding.defined()) continue;
      throw Error(ErrorCode::kUsage, "temporal phase",
                  from_ids ? "a frame has no track ids" : "a frame has no instance embeddings");
    }
    masks.push_back(from_ids ? track_mask(kept[key].track_id, kept[f].track_id)
                             : instance_mask(kept[key].embedding, kept[f].embedding, temporal_.mask_threshold));
  }
  return masks.empty() ? Tensor() : torch::cat(masks, 1);
}

}  // namespace vepe::model
