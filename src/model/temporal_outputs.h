#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model/outputs.h"

namespace vepe::model {

// What the spatial phase hands over for one frame. Results of one frame serve in every window that holds it.
struct FrameFeatures {
  Memory memory;           // M^f, B = 1
  Tensor query;            // [N, C] q^f, final pose-decoder output
  Tensor score_logit;      // [N] s^f
  Tensor keypoints;        // [N, K, 2] P^f, after the joint decoder for the poses that it refined
  Tensor embedding;        // [N, C] e^f, rows of length 1; undefined without ICM
  Tensor keypoint_scores;  // [N, K] of the joint decoder, 0 for the poses that it did not refine; undefined: nobody knows

  // The memory as each STDME layer reads it (nn::ProjectedValue): made once a frame, read in every window that holds it.
  // Empty: made where a window needs it.
  std::vector<Tensor> memory_values;

  // Training only, from the spatial matching (loss/temporal_criterion.h); undefined otherwise.
  Tensor matched;   // [N] bool, paired with a person of the ground truth
  Tensor track_id;  // [N] int64, that person's track id, -1 where there is none
};

// The queries of one frame that PQS keeps: R rows of FrameFeatures.
struct KeptQueries {
  Tensor index;            // [R] int64 into N, rising; then -1 for propagated ones (query_propagation.h)
  Tensor query;            // [R, C]
  Tensor score_logit;      // [R]
  Tensor keypoints;        // [R, K, 2]
  Tensor embedding;        // [R, C] or undefined
  Tensor keypoint_scores;  // [R, K] or undefined
  Tensor track_id;         // [R] or undefined

  std::int64_t count() const { return index.size(0); }
};

// One temporal answer for the R kept queries of the key frame.
struct TemporalLayer {
  Tensor score_logit;  // [R]
  Tensor keypoints;    // [R, K, 2]
};

struct TemporalOutput {
  Tensor query_index;                 // [R] int64 into the key frame's N, -1: propagated, nobody whom the key frame shows
  std::vector<TemporalLayer> layers;  // STPE's keypoints with the spatial scores, then STPD's layers; the last one is the answer
  Tensor keypoint_scores;             // [R, K] in 0..1, moved with the keypoints by STPE; undefined where the frames have none
  Tensor query;                       // [R, C] after STPE
  Tensor embedding;                   // [R, C]; undefined without ICM
  Memory memory;                      // the key frame's temporal memory (its own without STDME)
};

}  // namespace vepe::model
