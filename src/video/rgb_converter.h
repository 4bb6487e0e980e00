#pragma once

#include <cstdint>

#include "video/image.h"
#include "video/libav.h"
#include "video/orientation.h"

namespace vepe::video {

// Decoded frames of any pixel format as upright 8-bit RGB. The colour matrix and range that the stream states are used;
// without a statement BT.601, as other tools do. Transfer curves (HDR) and alpha are not touched.
class RgbConverter {
 public:
  // Throws Error(kInput) for a pixel format that cannot be converted.
  void convert(const AVFrame& frame, Orientation orientation, Image& image);

 private:
  void prepare(const AVFrame& frame);

  AvScaler scaler_;
  AvFrame buffer_;
  int width_ = 0, height_ = 0, format_ = -1, matrix_ = -1, range_ = -1;
};

// The turn that a display matrix (9 values of 16.16 fixed point) asks for, to the nearest right angle.
Orientation orientation_of_matrix(const std::int32_t* matrix);

}  // namespace vepe::video
