#pragma once

#include <vector>

#include "core/random.h"
#include "data/augment.h"
#include "data/config.h"

namespace vepe::data {

// Offsets of the frames of a clip from its key frame, in source frames: {-1, 0, 1} for T = 3 centered.
std::vector<int> clip_offsets(const ClipConfig& config);

// The stride of one training clip: the config's, or a draw up to its `max_stride`.
int draw_stride(const ClipConfig& config, Random& random);

// Where a virtual camera stands at each frame of a clip, relative to the key frame: steady speed plus an acceleration of at
// most half of it, in position, rotation and zoom. The key frame is not moved.
std::vector<Camera> draw_camera_path(const ClipConfig& config, Random& random);

// All frames of a clip under one draw of augmentation; `path` may be empty (a real video moves by itself).
std::vector<Sample> apply_augment(const std::vector<Sample>& frames, const AugmentParams& params, const std::vector<Camera>& path);

}  // namespace vepe::data
