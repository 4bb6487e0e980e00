#include "infer/stream.h"

#include <algorithm>

#include "core/error.h"

namespace vepe::infer {

Stream::Stream(Engine& engine, bool temporal) : engine_(&engine), temporal_(temporal && engine.has_temporal()) {
  if (!temporal_) return;
  before_ = engine.key_position();
  after_ = engine.window_length() - 1 - engine.key_position();
}

std::vector<Estimate> Stream::push(video::Frame frame) {
  const video::Image* images[] = {&frame.image};
  SpatialFrame spatial = engine_->spatial(images).front();
  return take(std::move(frame), std::move(spatial));
}

std::vector<std::vector<Estimate>> Stream::push(std::span<Stream* const> streams, std::vector<video::Frame> frames) {
  if (streams.size() != frames.size())
    throw Error(ErrorCode::kUsage, "stream", "one frame a stream is wanted", "leave out streams that have ended");
  std::vector<const video::Image*> images;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (streams[i]->engine_ != streams[0]->engine_)
      throw Error(ErrorCode::kUsage, "stream", "the streams belong to different engines");
    images.push_back(&frames[i].image);
  }
  std::vector<std::vector<Estimate>> ready;
  if (streams.empty()) return ready;
  std::vector<SpatialFrame> spatial = streams[0]->engine_->spatial(images);
  for (std::size_t i = 0; i < streams.size(); ++i) ready.push_back(streams[i]->take(std::move(frames[i]), std::move(spatial[i])));
  return ready;
}

std::vector<Estimate> Stream::take(video::Frame frame, SpatialFrame spatial) {
  ring_.push_back({std::move(frame), std::move(spatial)});
  ++count_;
  std::vector<Estimate> ready;
  if (next_ + after_ < count_) ready.push_back(estimate(next_));
  return ready;
}

std::vector<Estimate> Stream::flush() {
  std::vector<Estimate> ready;
  while (next_ < count_) ready.push_back(estimate(next_));
  ring_.clear();
  first_ = count_ = next_ = 0;
  return ready;
}

Estimate Stream::estimate(std::int64_t t) {
  const auto slot = [&](std::int64_t frame) -> Slot& { return ring_[static_cast<std::size_t>(frame - first_)]; };
  Estimate result;
  if (temporal_) {
    std::vector<SpatialFrame> window;
    for (std::int64_t frame = t - before_; frame <= t + after_; ++frame) {
      window.push_back(slot(std::clamp<std::int64_t>(frame, 0, count_ - 1)).spatial);
    }
    result.poses = engine_->temporal(window);
  } else {
    result.poses = engine_->poses(slot(t).spatial);
  }
  result.frame = std::move(slot(t).frame);
  next_ = t + 1;
  for (; first_ < next_ - before_; ++first_) ring_.pop_front();
  return result;
}

}  // namespace vepe::infer
