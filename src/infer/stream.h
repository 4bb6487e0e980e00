#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "infer/engine.h"
#include "video/reader.h"

namespace vepe::infer {

// A frame whose poses are known.
struct Estimate {
  video::Frame frame;
  std::vector<Pose> poses;  // best first
};

// Poses of a video, frame by frame. The spatial phase runs once a frame; a ring keeps what the windows of the temporal phase
// need, so memory does not grow with the video. Frames come out in the order they went in: `delay()` frames later with a
// centred window, at once with a causal one or without temporal phase. Where a window reaches over an end of the video it
// takes the nearest frame that exists. The size of frames may change on the way.
class Stream {
 public:
  // `engine` must outlive the stream; several streams may share it. With `temporal` false, or an engine without temporal
  // phase, the spatial phase's answers pass through.
  explicit Stream(Engine& engine, bool temporal = true);

  // The frames that are ready now, oldest first; often one, none at the start.
  std::vector<Estimate> push(video::Frame frame);
  // The frames that were still waiting for later ones. The stream is then ready for another video.
  std::vector<Estimate> flush();

  std::int64_t delay() const { return after_; }

  // One frame for each of several streams of one engine, whose spatial phase is run as one batch: what is ready of each.
  static std::vector<std::vector<Estimate>> push(std::span<Stream* const> streams, std::vector<video::Frame> frames);

 private:
  struct Slot {
    video::Frame frame;  // empty once it has been handed out
    SpatialFrame spatial;
  };
  std::vector<Estimate> take(video::Frame frame, SpatialFrame spatial);
  Estimate estimate(std::int64_t t);

  Engine* engine_;
  bool temporal_;
  std::int64_t before_ = 0, after_ = 0;            // frames of the window on both sides of its key frame
  std::deque<Slot> ring_;                          // frames first_ .. count_ - 1
  std::int64_t first_ = 0, count_ = 0, next_ = 0;  // next_: the frame to hand out next
};

}  // namespace vepe::infer
