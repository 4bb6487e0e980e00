#include "video/writer.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "video/audio_copy.h"
#include "video/libav.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace vepe::video {
namespace {

namespace fs = std::filesystem;

// The picture fitted into width x height: as large as possible, centred, on black.
Image fit(const Image& image, int width, int height) {
  const double scale = std::min(static_cast<double>(width) / image.width, static_cast<double>(height) / image.height);
  const int inner_width = std::clamp(static_cast<int>(std::lround(image.width * scale)), 1, width);
  const int inner_height = std::clamp(static_cast<int>(std::lround(image.height * scale)), 1, height);
  const Image inner = resize_bilinear(image, inner_width, inner_height);
  Image result{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  const int left = (width - inner_width) / 2, top = (height - inner_height) / 2;
  for (int y = 0; y < inner_height; ++y) std::copy_n(inner.row(y), inner_width * 3, result.row(top + y) + 3 * left);
  return result;
}

// Copies RGB rows and repeats the last column and row into the padding of an even-sized buffer.
void copy_padded(const Image& image, AVFrame& buffer) {
  for (int y = 0; y < buffer.height; ++y) {
    std::uint8_t* to = buffer.data[0] + static_cast<std::ptrdiff_t>(y) * buffer.linesize[0];
    const std::uint8_t* from = image.row(std::min(y, image.height - 1));
    std::memcpy(to, from, static_cast<std::size_t>(image.width) * 3);
    for (int x = image.width; x < buffer.width; ++x) std::memcpy(to + 3 * x, from + 3 * (image.width - 1), 3);
  }
}

}  // namespace

struct VideoWriter::Backend {
  Backend(fs::path path, WriterOptions options) : path_(std::move(path)), options_(std::move(options)) {
    quiet_libav();
    check_preset();
    if (!(options_.fps > 0) || !std::isfinite(options_.fps)) options_.fps = 25;
    temporary_ = path_;
    temporary_ += ".part-" + std::to_string(::getpid());
    AVFormatContext* format = nullptr;
    if (avformat_alloc_output_context2(&format, nullptr, "mp4", temporary_.c_str()) < 0)
      throw Error(ErrorCode::kMemory, path_.string(), "out of memory");
    output_.reset(format);
    check(avio_open(&format->pb, libav_url(temporary_.string()).c_str(), AVIO_FLAG_WRITE));
    video_ = avformat_new_stream(format, nullptr);
    if (video_ == nullptr) throw Error(ErrorCode::kMemory, path_.string(), "out of memory");
  }

  ~Backend() {
    const bool unfinished = output_ != nullptr;
    output_.reset();
    if (unfinished) ::unlink(temporary_.c_str());
  }

  void write(const Image& image, double pts_s) {
    if (!output_) throw Error(ErrorCode::kUsage, path_.string(), "a frame after the file was closed");
    if (image.width <= 0 || image.height <= 0) throw Error(ErrorCode::kUsage, path_.string(), "a frame without pixels");
    if (!encoder_) start(image, pts_s);
    // Frames may still be read by the encoder's look-ahead, hence a new one each time (libav pools the memory).
    AvFrame frame = make_picture(encoder_->width, encoder_->height, AV_PIX_FMT_YUV420P);
    copy_padded(image.width == width_ && image.height == height_ ? image : fit(image, width_, height_), *rgb_);
    sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, rgb_->height, frame->data, frame->linesize);
    frame->pts = std::max(static_cast<std::int64_t>(std::llround((pts_s - first_s_) * kTicksPerSecond)), last_ticks_ + 1);
    last_ticks_ = frame->pts;
    encode(frame.get());
    if (audio_) check(audio_->copy_until(pts_s));
  }

  void close(bool whole_audio) {
    if (!output_) return;
    if (!encoder_) {  // nothing was written: no file
      output_.reset();
      ::unlink(temporary_.c_str());
      return;
    }
    encode(nullptr);
    const double end_s = first_s_ + static_cast<double>(last_ticks_) / kTicksPerSecond + 1 / options_.fps;
    if (audio_) check(audio_->copy_until(whole_audio ? std::numeric_limits<double>::infinity() : end_s));
    check(av_write_trailer(output_.get()));
    avio_flush(output_->pb);
    check(output_->pb->error);
    check(avio_closep(&output_->pb));
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) check(AVERROR(errno));
    output_.reset();
  }

  std::string warning;

 private:
  // The size is known with the first frame only, so encoder and header wait for it.
  void start(const Image& image, double pts_s) {
    width_ = image.width;
    height_ = image.height;
    first_s_ = pts_s;
    open_encoder();
    if (!options_.audio_source.empty()) {
      try {
        audio_ = std::make_unique<AudioCopy>(options_.audio_source, output_.get());
        audio_->start_at(first_s_);
      } catch (const Error& error) {
        warning = error.what();
      }
    }
    check(avformat_write_header(output_.get(), nullptr));
    packet_ = make_packet();
    rgb_ = make_picture(encoder_->width, encoder_->height, AV_PIX_FMT_RGB24);
    scaler_.reset(sws_getContext(encoder_->width, encoder_->height, AV_PIX_FMT_RGB24, encoder_->width, encoder_->height,
                                 AV_PIX_FMT_YUV420P, SWS_BILINEAR, nullptr, nullptr, nullptr));
    if (!scaler_) throw Error(ErrorCode::kMemory, path_.string(), "out of memory");
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(SWS_CS_DEFAULT), 1, sws_getCoefficients(SWS_CS_ITU709), 0, 0,
                             1 << 16, 1 << 16);
  }

  // x264 itself would print its complaint.
  void check_preset() const {
    static constexpr std::string_view kPresets[] = {"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                                    "medium",    "slow",      "slower",   "veryslow"};
    if (std::find(std::begin(kPresets), std::end(kPresets), options_.preset) != std::end(kPresets)) return;
    throw Error(ErrorCode::kUsage, "preset " + options_.preset, "x264 has no such preset",
                "use ultrafast, veryfast, medium or slow");
  }

  void open_encoder() {
    const AVCodec* codec = avcodec_find_encoder_by_name("libx264");
    if (codec == nullptr)
      throw Error(ErrorCode::kOutput, path_.string(), "libavcodec was built without x264", "install libavcodec with libx264");
    AvCodec encoder(avcodec_alloc_context3(codec));
    if (!encoder) throw Error(ErrorCode::kMemory, path_.string(), "out of memory");
    encoder->width = width_ + width_ % 2;
    encoder->height = height_ + height_ % 2;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = {1, kTicksPerSecond};
    encoder->framerate = av_d2q(options_.fps, 1001000);
    encoder->sample_aspect_ratio = av_d2q(options_.pixel_aspect, 1024);
    encoder->colorspace = AVCOL_SPC_BT709;
    encoder->color_primaries = AVCOL_PRI_BT709;
    encoder->color_trc = AVCOL_TRC_BT709;
    encoder->color_range = AVCOL_RANGE_MPEG;
    encoder->gop_size = options_.key_interval;
    encoder->thread_count = options_.threads;
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AvOptions private_options;
    private_options.set("crf", std::to_string(options_.crf));
    private_options.set("preset", options_.preset);
    const int error = avcodec_open2(encoder.get(), codec, private_options.get());
    if (error < 0) {
      throw Error(ErrorCode::kOutput, path_.string(),
                  "x264 refuses " + std::to_string(width_) + "x" + std::to_string(height_) + ": " + libav_message(error),
                  "use smaller frames");
    }
    check(avcodec_parameters_from_context(video_->codecpar, encoder.get()));
    video_->time_base = encoder->time_base;
    video_->avg_frame_rate = encoder->framerate;
    video_->sample_aspect_ratio = encoder->sample_aspect_ratio;
    encoder_ = std::move(encoder);
  }

  // `frame` null: what the encoder still holds.
  void encode(AVFrame* frame) {
    check(avcodec_send_frame(encoder_.get(), frame));
    for (;;) {
      const int result = avcodec_receive_packet(encoder_.get(), packet_.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result);
      packet_->duration = std::llround(kTicksPerSecond / options_.fps);  // counts for the last frame only
      av_packet_rescale_ts(packet_.get(), encoder_->time_base, video_->time_base);
      packet_->stream_index = video_->index;
      check(av_interleaved_write_frame(output_.get(), packet_.get()));
      check(output_->pb->error);
    }
  }

  void check(int result) const {
    if (result >= 0) return;
    const bool full = result == AVERROR(ENOSPC);
    throw Error(
        ErrorCode::kOutput, path_.string(), "cannot write the video: " + libav_message(result),
        full ? "free some space or choose another output folder" : "choose an output folder that exists and can be written");
  }

  const fs::path path_;
  WriterOptions options_;
  fs::path temporary_;
  AvOutput output_;
  AVStream* video_ = nullptr;
  AvCodec encoder_;
  AvPacket packet_;
  AvFrame rgb_;
  AvScaler scaler_;
  std::unique_ptr<AudioCopy> audio_;
  int width_ = 0, height_ = 0;
  double first_s_ = 0;
  std::int64_t last_ticks_ = -1;
};

VideoWriter::VideoWriter(fs::path path, WriterOptions options)
    : backend_(std::make_unique<Backend>(std::move(path), std::move(options))) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::write(const Image& image, double pts_s) { backend_->write(image, pts_s); }
void VideoWriter::close(bool whole_audio) { backend_->close(whole_audio); }
const std::string& VideoWriter::warning() const { return backend_->warning; }

}  // namespace vepe::video
