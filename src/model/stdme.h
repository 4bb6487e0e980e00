#pragma once

#include "model/config.h"
#include "model/outputs.h"
#include "model/temporal_config.h"
#include "nn/attention.h"
#include "nn/blocks.h"

namespace vepe::model {

// Temporal multi-scale deformable attention (TMSDA), paper section 3.4, eq. 1: deformable attention whose levels are the
// L levels of all T frames, with one softmax over all T * L * P points.
class Tmsda : public nn::DeformableAttention {
 public:
  Tmsda(const ModelConfig& config, const TemporalConfig& temporal);

  // One frame's memory as `attend` reads it for that many queries (nn::ProjectedValue). It does not depend on the window.
  Tensor values(const Memory& frame, std::int64_t queries) const {
    return project(frame.tokens, frame.shapes, frame.padding, queries).value;
  }

  // query, position [1, N, C]; centres [1, N, 2] in 0..1 of the real image, the same place in every frame; T frames (B = 1)
  // in window order, which may differ in size: of the memories only the ratios are read. `values` hold the levels of all
  // frames in that order, in as many parts as they lie in -> [1, N, C] with the residual.
  Tensor attend(const Tensor& query, const Tensor& position, const Tensor& centres, const std::vector<Memory>& frames,
                const std::vector<nn::ProjectedValue>& values) const;
};

// One post-norm layer: MSDA on the key frame, TMSDA on the window, feed-forward.
class StdmeLayer : public torch::nn::Module {
 public:
  StdmeLayer(const ModelConfig& config, const TemporalConfig& temporal);
  Tensor values(const Memory& frame, std::int64_t queries) const { return tmsda_->values(frame, queries); }
  // Queries are the key frame's tokens of the levels from `first_level` on; earlier ones are read and pass unchanged.
  // centres and position [1, N, .] are those of the queries; `values`, one a frame, are this layer's. Returns the key
  // frame's new tokens [1, S, C].
  Tensor forward(const std::vector<Memory>& frames, const std::vector<Tensor>& values, std::size_t key, int first_level,
                 const Tensor& centres, const Tensor& position);

 private:
  std::shared_ptr<nn::DeformableAttention> msda_;
  std::shared_ptr<Tmsda> tmsda_;
  std::shared_ptr<nn::FeedForward> ffn_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr}, norm3_{nullptr};
};

// Spatio-temporal deformable memory encoder (STDME), paper section 3.4, Figure 3b: the key frame's memory gathers visual
// cues from the reference frames.
class Stdme : public torch::nn::Module {
 public:
  Stdme(const ModelConfig& config, const TemporalConfig& temporal);
  // What the layers read of a frame, one tensor a layer, whatever window it stands in.
  std::vector<Tensor> values(const Memory& memory) const;
  // The key frame's temporal memory. `values`: those of each frame of the window; a frame's may be empty, as all of them.
  Memory forward(const std::vector<Memory>& window, std::size_t key, std::vector<std::vector<Tensor>> values = {});

 private:
  int first_level_;
  // [L, C]. Offsets are in cells, so a token must know its level; its place it need not know, since it looks around itself.
  Tensor level_embed_;
  std::vector<std::shared_ptr<StdmeLayer>> layers_;
};

}  // namespace vepe::model
