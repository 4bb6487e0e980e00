#pragma once

#include "model/temporal_outputs.h"

namespace vepe::model {

// Pose query selection (PQS), paper section 3.3: keeps the queries of one frame whose score reaches `threshold`, and in
// training those that are matched to the ground truth, whatever their score. Any number is kept, none too.
KeptQueries select_pose_queries(const FrameFeatures& frame, double threshold);

}  // namespace vepe::model
