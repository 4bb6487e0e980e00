#pragma once

#include <cstdint>
#include <functional>

#include "formats/pose_data.h"
#include "infer/tracker.h"

namespace vepe::infer {

struct RelinkReport {
  std::int64_t frames = 0, people = 0, tracks = 0;
  std::int64_t embeddings = 0;  // people who have one
  std::int64_t without_id = 0;  // people who neither continue nor start a track; they are left out
};

// Gives the people of saved poses new track ids, as `predict` gives them (infer/tracker.h); the old ones are forgotten.
// `options.sigmas` may be empty: those of the file's joints, or COCO's mean for joints of another set. A person without a
// score counts as certain, one without keypoints gets no id and is left out. Embeddings need not be of length 1.
// Throws Error(kInput) that names frame and person for embeddings of different lengths, Error(kUsage) for options.
// With `pictures` the people's clothes count as well: it is asked for the picture of each frame with people, in order, and may
// return null for one that is not there.
using Pictures = std::function<const video::Image*(const formats::Frame&)>;
RelinkReport relink(formats::Sequence& sequence, TrackerOptions options, const Pictures& pictures = {});

}  // namespace vepe::infer
