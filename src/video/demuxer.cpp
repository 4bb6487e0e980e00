#include "video/demuxer.h"

#include <filesystem>
#include <string_view>
#include <thread>

#include "core/error.h"
#include "core/interrupt.h"

extern "C" {
#include <libavdevice/avdevice.h>
}

namespace vepe::video {
namespace {

constexpr char kNoMedia[] = "no video can be read from it: it is damaged, cut off or no media file";
constexpr char kNoMediaRemedy[] = "replace it by a sound copy, or re-mux it with another tool";

void check_local_file(const std::string& source) {
  std::error_code error;
  const auto status = std::filesystem::status(source, error);
  if (status.type() == std::filesystem::file_type::not_found)
    throw Error(ErrorCode::kInput, source, "there is no such file", "check the path");
  if (status.type() == std::filesystem::file_type::directory) {
    throw Error(ErrorCode::kInput, source, "is a folder, not a video", "name the files in it");
  }
  if (status.type() == std::filesystem::file_type::regular && std::filesystem::file_size(source, error) == 0 && !error) {
    throw Error(ErrorCode::kInput, source, "the file is empty", "replace it by a sound copy");
  }
}

[[noreturn]] void fail_to_open(const std::string& source, int error, bool expired) {
  if (interrupted()) throw Error(ErrorCode::kInterrupted, source, "interrupted");
  if (is_camera(source)) {
    throw Error(ErrorCode::kDevice, source, "no camera there: " + libav_message(error),
                "list cameras with `ls /dev/video*`, check the permissions");
  }
  if (is_address(source)) {
    throw Error(ErrorCode::kInput, source, expired ? "no answer in time" : "cannot be opened: " + libav_message(error),
                "check the address and that the server can be reached");
  }
  if (error == AVERROR_INVALIDDATA || error == AVERROR_EOF) throw Error(ErrorCode::kInput, source, kNoMedia, kNoMediaRemedy);
  throw Error(ErrorCode::kInput, source, "cannot be opened: " + libav_message(error), "check the path and its permissions");
}

}  // namespace

Demuxer::Demuxer(const std::string& source, double timeout_s) : watch_(std::make_unique<Watch>()), timeout_s_(timeout_s) {
  quiet_libav();
  watch_->timed = is_address(source) || is_camera(source);
  if (!watch_->timed && source != "-") check_local_file(source);
  open(source);
  live_ = watch_->timed || format_->pb == nullptr || (format_->pb->seekable & AVIO_SEEKABLE_NORMAL) == 0;
}

void Demuxer::open(const std::string& source) {
  const AVInputFormat* input = nullptr;
  AvOptions options;
  if (is_camera(source)) {
    avdevice_register_all();
    input = av_find_input_format("video4linux2");
  }
  if (source.starts_with("rtsp://")) options.set("rtsp_transport", "tcp");  // UDP loses packets without a word
  restart_clock();
  AVFormatContext* format = avformat_alloc_context();
  if (format == nullptr) throw Error(ErrorCode::kMemory, source, "out of memory");
  format->interrupt_callback = {must_stop, watch_.get()};
  int error = avformat_open_input(&format, libav_url(source).c_str(), input, options.get());
  if (error < 0) fail_to_open(source, error, watch_->expired);  // libav has freed `format`
  format_.reset(format);
  // Plain text counts as "terminal art" for libav.
  if (std::string_view(format->iformat->name) == "tty") throw Error(ErrorCode::kInput, source, kNoMedia, kNoMediaRemedy);
  restart_clock();
  error = avformat_find_stream_info(format, nullptr);
  if (error < 0) fail_to_open(source, error, watch_->expired);
}

int Demuxer::must_stop(void* opaque) {
  auto* watch = static_cast<Watch*>(opaque);
  if (watch->timed && std::chrono::steady_clock::now() > watch->deadline) watch->expired = true;
  return interrupted() || watch->expired ? 1 : 0;
}

void Demuxer::restart_clock() {
  watch_->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s_ * 1000));
}

int Demuxer::best_stream(AVMediaType type) const {
  const int index = av_find_best_stream(format_.get(), type, -1, -1, nullptr, 0);
  if (index < 0 || (stream(index)->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) return -1;
  return index;
}

void Demuxer::select(int index) {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    format_->streams[i]->discard = static_cast<int>(i) == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
}

int Demuxer::read(AVPacket* packet) {
  restart_clock();
  for (;;) {
    const int error = av_read_frame(format_.get(), packet);
    if (error != AVERROR(EAGAIN)) return error;
    if (must_stop(watch_.get()) != 0) return AVERROR_EXIT;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a camera that has no picture yet
  }
}

}  // namespace vepe::video
