#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "video/image.h"

namespace vepe::video {

struct WriterOptions {
  int crf = 20;                     // x264's constant rate factor: 0 lossless, 18 hardly visible, 28 small
  std::string preset = "veryfast";  // x264's trade of speed for size
  double fps = 25;                  // a hint for players and for the length of the last frame; time stamps are the frames' own
  double pixel_aspect = 1;          // width / height of a pixel, from VideoInfo
  int threads = 2;                  // of the encoder; 0 = one per core
  int key_interval = 250;           // frames between key frames at most
  std::string audio_source;         // a file whose first audio track is copied, packet by packet; empty = silent
};

// An H.264 MP4 (yuv420p, BT.709) that plays everywhere. Time stamps of variable frame rates are kept; the first frame starts at 0
// and the audio is shifted with it. Odd sizes are padded to even ones by repeating the last column or row; a frame of another size
// than the first is fitted into it with black bars. The file appears under its name on `close`; without `close` nothing is left.
class VideoWriter {
 public:
  // Throws Error(kOutput) when the file cannot be made. An audio track that does not fit MP4 is a warning, not an error.
  explicit VideoWriter(std::filesystem::path path, WriterOptions options = {});
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  // `pts_s` as in Frame; has to rise. Throws Error(kOutput), e.g. on a full disk.
  void write(const Image& image, double pts_s);

  // Finishes the file; also after an interrupt, so that what was written plays. The audio is copied to the end of the last frame, or
  // with `whole_audio` to its own end (for a source that was read to its end). Without a frame there is no file. Throws Error(kOutput).
  void close(bool whole_audio = false);

  // One line about what could not be kept ("audio codec pcm_s16le does not fit MP4"), empty when all is well.
  const std::string& warning() const;

  struct Backend;

 private:
  std::unique_ptr<Backend> backend_;
};

}  // namespace vepe::video
