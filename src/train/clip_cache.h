#pragma once

#include <functional>
#include <vector>

#include "train/clip_pass.h"

namespace vepe::train {

// Clips after a frozen spatial phase, kept in memory with fp16 memories (2 * S * C bytes a frame), for training the temporal
// phase alone. The augmentation of a clip is that of its first and only pass. Batch number n depends on the seed alone.
class ClipCache {
 public:
  explicit ClipCache(std::uint64_t seed) : seed_(seed) {}
  void add(SpatialClip clip);
  std::size_t size() const { return clips_.size(); }
  std::int64_t bytes() const;  // of the memories

  // The clips of batch `number` of `count` clips, memories in fp32 again: one shuffled pass over all clips after the other.
  std::vector<SpatialClip> batch(std::int64_t number, std::int64_t count) const;

 private:
  std::uint64_t seed_;
  std::vector<SpatialClip> clips_;
};

}  // namespace vepe::train
