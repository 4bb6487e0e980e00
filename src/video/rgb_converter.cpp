#include "video/rgb_converter.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace vepe::video {
namespace {

// swscale's name of a matrix; unspecified ones count as BT.601.
int coefficients(AVColorSpace space) {
  switch (space) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      return SWS_CS_ITU601;
  }
}

}  // namespace

Orientation orientation_of_matrix(const std::int32_t* matrix) {
  const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];  // (x, y) goes to (ax + cy, bx + dy)
  if (std::abs(a) + std::abs(d) >= std::abs(b) + std::abs(c)) {
    if (a >= 0) return d >= 0 ? Orientation::kUpright : Orientation::kFlipped;
    return d >= 0 ? Orientation::kMirrored : Orientation::kTurned180;
  }
  if (b >= 0) return c >= 0 ? Orientation::kTransposed : Orientation::kClockwise;
  return c >= 0 ? Orientation::kCounterclockwise : Orientation::kTransverse;
}

void RgbConverter::prepare(const AVFrame& frame) {
  if (scaler_ && frame.width == width_ && frame.height == height_ && frame.format == format_ && frame.colorspace == matrix_ &&
      frame.color_range == range_) {
    return;
  }
  const auto format = static_cast<AVPixelFormat>(frame.format);
  scaler_.reset(sws_getContext(frame.width, frame.height, format, frame.width, frame.height, AV_PIX_FMT_RGB24, SWS_BICUBIC, nullptr,
                               nullptr, nullptr));
  if (!scaler_) {
    const char* name = av_get_pix_fmt_name(format);
    throw Error(ErrorCode::kInput, "", std::string("pixel format ") + (name ? name : "unknown") + " cannot be converted",
                "re-encode the video as H.264");
  }
  int *source_table = nullptr, *target_table = nullptr;
  int source_range = 0, target_range = 0, brightness = 0, contrast = 0, saturation = 0;
  if (sws_getColorspaceDetails(scaler_.get(), &source_table, &source_range, &target_table, &target_range, &brightness, &contrast,
                               &saturation) >= 0) {
    if (frame.color_range == AVCOL_RANGE_JPEG) source_range = 1;
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(coefficients(frame.colorspace)), source_range, target_table,
                             target_range, brightness, contrast, saturation);
  }
  buffer_ = make_picture(frame.width, frame.height, AV_PIX_FMT_RGB24);
  width_ = frame.width, height_ = frame.height, format_ = frame.format, matrix_ = frame.colorspace, range_ = frame.color_range;
}

void RgbConverter::convert(const AVFrame& frame, Orientation orientation, Image& image) {
  prepare(frame);
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, buffer_->data, buffer_->linesize);
  const std::size_t row_bytes = static_cast<std::size_t>(frame.width) * 3;
  image.width = frame.width;
  image.height = frame.height;
  image.pixels.resize(row_bytes * static_cast<std::size_t>(frame.height));
  for (int y = 0; y < frame.height; ++y) {
    std::memcpy(image.row(y), buffer_->data[0] + static_cast<std::ptrdiff_t>(y) * buffer_->linesize[0], row_bytes);
  }
  if (orientation != Orientation::kUpright) image = make_upright(std::move(image), orientation);
}

}  // namespace vepe::video
