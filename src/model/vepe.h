#pragma once

#include "model/instance_stream.h"
#include "model/stdme.h"
#include "model/stpd.h"
#include "model/stpe.h"
#include "model/temporal_config.h"
#include "model/temporal_outputs.h"

namespace vepe::model {

// Who may attend to whom in STPE: the instances that look alike, or, at the start of training, the ground truth.
enum class MaskSource { kEmbeddings, kTrackIds };

// The temporal phase of VEPE; reads as the paper's Figure 2, lower half. The spatial phase (SpatialModel) runs once a
// frame, `features` puts its results into the form that windows share, `temporal` estimates the key frame of one window:
//   PQS -> STPE under the instance mask -> STDME -> STPD
// Module names do not collide with the spatial model's, so one file holds both.
class Vepe : public torch::nn::Module {
 public:
  Vepe(const ModelConfig& config, const TemporalConfig& temporal);

  const TemporalConfig& config() const { return temporal_; }

  // Memories are projected in bf16 from now on; for inference only.
  void use_bfloat16();

  // The B frames of a spatial pass, one by one. `refined_index` [B, R] int64, `refined_keypoints` [B, R, K, 2] and
  // `refined_scores` [B, R, K] are the joint decoder's (Detections); undefined without one. The spatial output is read only.
  std::vector<FrameFeatures> features(const SpatialOutput& output, const Tensor& refined_index = {},
                                      const Tensor& refined_keypoints = {}, const Tensor& refined_scores = {});

  // `window`: T frames in order (temporal_config.h: window_frames), the key frame at config().key_position(). Persons per
  // frame may vary, frames without any included; frame sizes may differ. With neither STPE nor STPD the answer is the
  // spatial one. Without STPD nothing here reads the temporal memory; it is handed out for the joint decoder.
  // Throws Error(kUsage) for a window of another length, or track ids that are asked for and not there.
  TemporalOutput temporal(const std::vector<FrameFeatures>& window, MaskSource mask = MaskSource::kEmbeddings);

 private:
  Tensor allowed(const std::vector<KeptQueries>& kept, MaskSource mask) const;  // [N, R], undefined for all
  KeptQueries with_propagated(const std::vector<KeptQueries>& kept) const;      // those of the key frame

  TemporalConfig temporal_;
  std::shared_ptr<InstanceStream> instance_stream_;  // each null when switched off
  std::shared_ptr<Stpe> stpe_;
  std::shared_ptr<Stdme> stdme_;
  std::shared_ptr<Stpd> stpd_;
  std::shared_ptr<PoseHeads> heads_;  // of STPE's queries, without STPD
  Tensor propagated_;                 // [C] marks propagated queries
};

}  // namespace vepe::model
