#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "video/libav.h"

namespace vepe::video {

// An opened container. Every wait ends on an interrupt (core/interrupt.h), and for a live source after `timeout_s` too.
class Demuxer {
 public:
  // Throws Error(kInput) with the remedy, Error(kDevice) for a camera, Error(kInterrupted).
  Demuxer(const std::string& source, double timeout_s);

  AVFormatContext* get() const { return format_.get(); }
  AVStream* stream(int index) const { return format_->streams[index]; }
  bool is_live() const { return live_; }

  // The best stream of a kind, -1 when there is none; cover pictures of audio files are no video.
  int best_stream(AVMediaType type) const;

  // Lets only packets of this stream through.
  void select(int index);

  // 0, or libav's error: AVERROR_EOF at the end, AVERROR_EXIT on an interrupt.
  int read(AVPacket* packet);

 private:
  struct Watch {
    std::chrono::steady_clock::time_point deadline;
    bool timed = false, expired = false;
  };
  static int must_stop(void* watch);
  void restart_clock();
  void open(const std::string& source);

  std::unique_ptr<Watch> watch_;  // libav keeps its address
  double timeout_s_;
  bool live_ = false;
  AvInput format_;
};

}  // namespace vepe::video
