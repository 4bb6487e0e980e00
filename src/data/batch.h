#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/sample.h"

namespace vepe::data {

// B pictures on one canvas. Picture b fills the top left corner, `samples[b].image.width` x `.height` pixels of it
// (the real size); the rest is 0.
struct Batch {
  at::Tensor images;            // [B, 3, H, W] uint8, RGB; H, W multiples of the pad multiple
  std::vector<Sample> samples;  // B; `image.pixels` is empty, everything else is as after augmentation
  std::int64_t step = 0;        // number of this batch since the start of training (or of the validation pass)
  std::int64_t epoch = 0;
  // Clips: B is clips * frames, the frames of a clip stand together in order of time; frame `key` is the key frame.
  int frames = 1, key = 0;
};

// Stacks pictures of any sizes; their pixels are moved out of the samples.
Batch collate(std::vector<Sample> samples, int pad_multiple = 32);

}  // namespace vepe::data
