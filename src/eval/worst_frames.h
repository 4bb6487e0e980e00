#pragma once

#include <vector>

#include "eval/posetrack_eval.h"

namespace vepe::eval {

// The frames with the most joints missed or invented (by AP's pairing), worst first; frames without an error are left
// out. `source` gives names and sizes.
std::vector<WorstFrame> worst_frames(const EvalSequence& sequence, const formats::Sequence& source, int count);

}  // namespace vepe::eval
