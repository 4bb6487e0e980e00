#include "train/clip_cache.h"

#include <torch/torch.h>
#include <numeric>

#include "core/random.h"

namespace vepe::train {
namespace {

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::int64_t pass) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random(seed, static_cast<std::uint64_t>(pass), 0xC11F);
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
  return order;
}

}  // namespace

void ClipCache::add(SpatialClip clip) {
  // Slices of a batch would keep the whole batch alive.
  clip.memory.tokens = clip.memory.tokens.to(torch::kHalf);
  if (clip.memory.padding.defined()) clip.memory.padding = clip.memory.padding.clone();
  clip.memory.valid_ratios = clip.memory.valid_ratios.clone();
  for (torch::Tensor* tensor : {&clip.poses.query, &clip.poses.score_logit, &clip.poses.keypoints, &clip.refined_index,
                                &clip.refined_keypoints, &clip.refined_scores}) {
    *tensor = tensor->clone();
  }
  clips_.push_back(std::move(clip));
}

std::int64_t ClipCache::bytes() const {
  std::int64_t sum = 0;
  for (const SpatialClip& clip : clips_) sum += clip.memory.tokens.numel() * 2;
  return sum;
}

std::vector<SpatialClip> ClipCache::batch(std::int64_t number, std::int64_t count) const {
  const auto size = static_cast<std::int64_t>(clips_.size());
  std::vector<SpatialClip> result;
  std::vector<std::size_t> order;
  std::int64_t pass = -1;
  for (std::int64_t i = number * count; i < (number + 1) * count; ++i) {
    if (i / size != pass) {
      pass = i / size;
      order = shuffled(clips_.size(), seed_, pass);
    }
    result.push_back(clips_[order[static_cast<std::size_t>(i % size)]]);
    result.back().memory.tokens = result.back().memory.tokens.to(torch::kFloat);
  }
  return result;
}

}  // namespace vepe::train
