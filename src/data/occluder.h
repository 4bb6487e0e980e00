#pragma once

#include <cstdint>

#include "data/sample.h"

namespace vepe::data {

// Draws `count` patches (rectangles or ellipses, one colour or a piece of the picture from elsewhere), each over one keypoint
// of one person, 15-40 % of its box in size. Covered keypoints stay labelled, as hidden; a person of whom nothing labelled
// remains visible becomes a region to ignore. Without people the patches lie anywhere.
// The choice follows track ids where there are some, so that patches move with a person through a clip.
void add_occluders(Sample& sample, int count, std::uint64_t seed);

}  // namespace vepe::data
