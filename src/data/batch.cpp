#include "data/batch.h"

#include <algorithm>

#include <ATen/ops/zeros.h>

namespace vepe::data {
namespace {

// One picture, interleaved, into the corner of three zeroed planes.
void unpack(const video::Image& image, std::uint8_t* planes, std::size_t row_step, std::size_t plane_step) {
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* from = image.row(y);
    std::uint8_t* red = planes + static_cast<std::size_t>(y) * row_step;
    std::uint8_t *green = red + plane_step, *blue = green + plane_step;
    for (int x = 0; x < image.width; ++x, from += 3) red[x] = from[0], green[x] = from[1], blue[x] = from[2];
  }
}

}  // namespace

Batch collate(std::vector<Sample> samples, int pad_multiple) {
  int width = 1, height = 1;
  for (const Sample& sample : samples) {
    width = std::max(width, sample.image.width), height = std::max(height, sample.image.height);
  }
  const auto padded = [pad_multiple](int size) { return (size + pad_multiple - 1) / pad_multiple * pad_multiple; };
  width = padded(width), height = padded(height);
  Batch batch;
  batch.images = at::zeros({static_cast<std::int64_t>(samples.size()), 3, height, width}, at::kByte);
  const std::size_t plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::uint8_t* to = batch.images.data_ptr<std::uint8_t>();
  for (Sample& sample : samples) {
    unpack(sample.image, to, static_cast<std::size_t>(width), plane);
    to += 3 * plane;
    sample.image.pixels = {};
  }
  batch.samples = std::move(samples);
  return batch;
}

}  // namespace vepe::data
