#include "model/pose_query_selection.h"

#include <ATen/ATen.h>

namespace vepe::model {

KeptQueries select_pose_queries(const FrameFeatures& frame, double threshold) {
  Tensor keep = frame.score_logit.detach().sigmoid() >= threshold;
  if (frame.matched.defined()) keep = keep | frame.matched;
  KeptQueries kept;
  kept.index = keep.nonzero().squeeze(1);
  const auto select = [&](const Tensor& rows) { return rows.defined() ? rows.index_select(0, kept.index) : Tensor(); };
  kept.query = select(frame.query);
  kept.score_logit = select(frame.score_logit);
  kept.keypoints = select(frame.keypoints);
  kept.embedding = select(frame.embedding);
  kept.keypoint_scores = select(frame.keypoint_scores);
  kept.track_id = select(frame.track_id);
  return kept;
}

}  // namespace vepe::model
