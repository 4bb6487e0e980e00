#pragma once

#include <memory>
#include <string>

#include "video/demuxer.h"

namespace vepe::video {

// Copies the packets of a file's audio track into an output that is being written, in step with its video.
class AudioCopy {
 public:
  // Adds a stream to `output` (format `mp4`). Throws Error when the file has no audio that fits.
  AudioCopy(const std::string& source, AVFormatContext* output);

  // Packets that begin before `first_s` of the source's video are left out and times count from there.
  void start_at(double first_s) { first_s_ = first_s; }

  // Writes the packets that begin before `until_s` (same clock). Returns 0 or libav's error of the output.
  int copy_until(double until_s);

 private:
  double time_of(const AVPacket& packet) const;

  Demuxer demuxer_;
  AVStream* stream_;
  AVStream* target_;
  AVFormatContext* output_;
  AvPacket packet_;
  bool has_packet_ = false, ended_ = false;
  double video_start_s_ = 0, first_s_ = 0;
};

}  // namespace vepe::video
