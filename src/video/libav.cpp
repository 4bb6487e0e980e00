#include "video/libav.h"

#include <cstdarg>
#include <cstring>
#include <mutex>

#include "core/error.h"
#include "core/log.h"

namespace vepe::video {
namespace {

void count_error(void* object) {
  const AVClass* type = object != nullptr ? *static_cast<AVClass**>(object) : nullptr;
  if (type == nullptr || std::strcmp(type->class_name, "AVCodecContext") != 0) return;
  if (void* count = static_cast<AVCodecContext*>(object)->opaque) ++*static_cast<ErrorCount*>(count);
}

void log_line(void* object, int level, const char* format, va_list arguments) {
  if (level <= AV_LOG_ERROR) count_error(object);
  if (level > AV_LOG_WARNING || !spdlog::should_log(spdlog::level::debug)) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(object, level, format, arguments, line, sizeof line, &print_prefix);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  spdlog::debug("libav: {}", text);
}

template <typename Handle>
Handle checked(Handle handle) {
  if (!handle) throw Error(ErrorCode::kMemory, "", "out of memory", "close other programs or use smaller input");
  return handle;
}

}  // namespace

AvFrame make_frame() { return checked(AvFrame(av_frame_alloc())); }
AvPacket make_packet() { return checked(AvPacket(av_packet_alloc())); }

AvFrame make_picture(int width, int height, AVPixelFormat format) {
  AvFrame frame = make_frame();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  if (av_frame_get_buffer(frame.get(), 64) < 0) throw Error(ErrorCode::kMemory, "", "no memory for a frame", "use smaller input");
  return frame;
}

std::string libav_message(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(error, text, sizeof text);
  return text;
}

void quiet_libav() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(log_line); });
}

bool is_address(const std::string& source) { return source.find("://") != std::string::npos; }

bool is_camera(const std::string& source) { return source.starts_with("/dev/video"); }

std::string libav_url(const std::string& source) {
  if (source == "-") return "pipe:0";
  if (is_address(source) || is_camera(source)) return source;
  return "file:" + source;
}

}  // namespace vepe::video
