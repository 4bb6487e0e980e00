#pragma once

// Owners of libav's handles: nothing else in this folder frees one by hand.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

namespace vepe::video {

struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct InputDeleter {
  void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
};
struct OutputDeleter {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
struct ScalerDeleter {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

using AvFrame = std::unique_ptr<AVFrame, FrameDeleter>;
using AvPacket = std::unique_ptr<AVPacket, PacketDeleter>;
using AvCodec = std::unique_ptr<AVCodecContext, CodecDeleter>;
using AvInput = std::unique_ptr<AVFormatContext, InputDeleter>;
using AvOutput = std::unique_ptr<AVFormatContext, OutputDeleter>;
using AvScaler = std::unique_ptr<SwsContext, ScalerDeleter>;

AvFrame make_frame();  // both throw Error(kMemory)
AvPacket make_packet();

// A picture buffer whose rows start on 64 bytes: swscale's vector code may write a little past a row's end.
AvFrame make_picture(int width, int height, AVPixelFormat format);

// An AVDictionary under construction; libav removes the entries it understood.
class AvOptions {
 public:
  AvOptions() = default;
  ~AvOptions() { av_dict_free(&options_); }
  AvOptions(const AvOptions&) = delete;
  AvOptions& operator=(const AvOptions&) = delete;
  void set(const char* key, const std::string& value) { av_dict_set(&options_, key, value.c_str(), 0); }
  AVDictionary** get() { return &options_; }

 private:
  AVDictionary* options_ = nullptr;
};

std::string libav_message(int error);  // the text of a negative return value

// Sends libav's own messages to the log at level "debug" instead of stderr; done once per process. Errors of a decoder whose
// `opaque` points to an ErrorCount are counted there too: flags on frames come too late when several threads decode.
using ErrorCount = std::atomic<std::int64_t>;
void quiet_libav();

// What libav should be asked to open for a user's source: a local path gets "file:", so that a colon in its name is
// not taken for a protocol; "-" is the standard input; addresses stay as they are.
std::string libav_url(const std::string& source);
bool is_address(const std::string& source);  // "rtsp://..." and the like
bool is_camera(const std::string& source);   // "/dev/video0"

// Exact for times in 1/90000 s and for all usual frame rates, 1001-based ones included.
inline constexpr int kTicksPerSecond = 360000;

}  // namespace vepe::video
