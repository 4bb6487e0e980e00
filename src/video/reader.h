#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "video/frame_range.h"
#include "video/image.h"

namespace vepe::video {

struct ReaderOptions {
  FrameRange range;       // which frames `read` hands out
  int threads = 2;        // of the decoder; 0 = one per core. Pixels do not depend on it.
  double image_fps = 25;  // the rate given to a sequence of pictures, which has none of its own
  double timeout_s = 15;  // for an address or a camera that stays silent
};

struct VideoInfo {
  std::string source;            // as the user wrote it
  std::string container, codec;  // libav's short names; "images" for a sequence of pictures
  int width = 0, height = 0;     // of the first upright frame
  double fps = 0;                // average; 0 = unknown
  std::optional<double> duration_s;
  std::optional<std::int64_t> frame_count;  // of the whole source, an estimate for progress; unknown for live sources
  double pixel_aspect = 1;                  // width / height of one upright pixel. Frames are handed out as they are coded:
                                            // coordinates are stored pixels, and a player stretches the written video likewise
  bool has_audio = false;
  bool live = false;  // camera, address or pipe: cannot be opened a second time
};

struct Frame {
  Image image;             // upright RGB
  std::int64_t index = 0;  // in the source, counted from 0, whatever the range
  double pts_s = 0;        // presentation time in seconds from the start of the video stream; rises strictly
};

// What happened besides good frames. Damage is not an exception once a frame could be decoded.
struct ReadReport {
  std::int64_t frames_decoded = 0;  // up to here, those outside the range included
  std::int64_t errors = 0;          // complaints of the decoder, which conceals what is damaged; or pictures left out
  bool truncated = false;           // the source ends before what its header announces
  std::string warning;              // one line for the user, empty when all is well; complete after the last `read`
};

// Frames of a video file, the standard input ("-"), an address ("rtsp://..."), a camera ("/dev/video0"), a single picture
// or a sequence of pictures, one after the other; memory does not grow with length. The display matrix is applied, time
// stamps of variable frame rates are kept, a change of size in mid-stream gives frames of their own size. Not for use from
// two threads at once. An interrupt (core/interrupt.h) ends reading as the end of the source does.
class VideoReader {
 public:
  // Throws Error(kInput) for a source that is missing, broken, without video stream or without any frame that decodes,
  // Error(kDevice) for a camera that is not there.
  explicit VideoReader(const std::string& source, const ReaderOptions& options = {});

  // The pictures in the order given, each at its own size. One that cannot be read is left out and reported; if none can
  // be read, the error of the first is thrown.
  explicit VideoReader(std::vector<std::filesystem::path> pictures, const ReaderOptions& options = {});
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;

  const VideoInfo& info() const;

  // The next frame of the range; false after the last. The memory of `frame.image` is used again.
  bool read(Frame& frame);

  const ReadReport& report() const;

  struct Backend;

 private:
  std::unique_ptr<Backend> backend_;
};

}  // namespace vepe::video
