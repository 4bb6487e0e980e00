#pragma once

#include <vector>

#include "data/batch.h"
#include "loss/temporal_criterion.h"
#include "train/network.h"

namespace vepe::train {

// The T frames of a clip (or all frames of a video) after the spatial phase, with their people.
struct SpatialClip {
  model::Memory memory;                                         // B = T
  model::PoseLayer poses;                                       // of the last layer, B = T
  at::Tensor refined_index, refined_keypoints, refined_scores;  // [T, R] int64, [T, R, K, 2], [T, R, K] of the joint decoder
  std::vector<loss::Match> matches;                             // T, of the pose queries
  std::vector<loss::Targets> targets;                           // T
  std::size_t key = 0;
};

// Cuts the spatial phase's answer on the B = clips * T frames of a batch into its clips, without copying tensors. `frames` is T.
std::vector<SpatialClip> split_clips(const model::SpatialOutput& output, const model::Detections& detections,
                                     const std::vector<loss::Targets>& targets, std::int64_t frames, std::size_t key,
                                     const std::vector<double>& sigmas, const loss::MatcherConfig& matcher);

// The frames of a clip as the temporal phase takes them, labelled when `label` (training: PQS then keeps everybody matched).
std::vector<model::FrameFeatures> clip_features(model::Vepe& temporal, const SpatialClip& clip, bool label);

// Vepe::temporal. A model with STDME and without STPD (row c of the paper's Table 2) reads its temporal memory as PETR does: the
// joint decoder refines on it what is there so far. That is one more layer.
model::TemporalOutput temporal_answer(const Network& network, const std::vector<model::FrameFeatures>& window,
                                      model::MaskSource mask);

// The people of one frame, best first.
struct FramePeople {
  at::Tensor scores;           // [R] falling
  at::Tensor keypoints;        // [R, K, 2] x, y in 0..1 of the real image
  at::Tensor keypoint_scores;  // [R, K]
  at::Tensor query;            // [R] int64, their pose queries; -1: propagated
  at::Tensor embedding;        // [R, C] of the temporal answer; undefined without ICM
};
FramePeople spatial_people(const model::Detections& detections, std::int64_t frame);

// Those whom PQS kept answer anew; the others keep the spatial phase's answer, so that the threshold decides who is refined and
// not who is seen.
// `features` are those of the frame. Propagated people come on top.
FramePeople temporal_people(const FramePeople& spatial, const model::FrameFeatures& features, const model::TemporalOutput& output);

}  // namespace vepe::train
