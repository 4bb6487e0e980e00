#include "data/affine.h"

#include <algorithm>
#include <cmath>

namespace vepe::data {
namespace {

// Mean of 2 x 2 pixels; an odd last row or column is left out.
video::Image halve(const video::Image& image) {
  video::Image half{image.width / 2, image.height / 2, {}};
  half.pixels.resize(static_cast<std::size_t>(half.width) * static_cast<std::size_t>(half.height) * 3);
  for (int y = 0; y < half.height; ++y) {
    const std::uint8_t *a = image.row(2 * y), *b = image.row(2 * y + 1);
    std::uint8_t* to = half.row(y);
    for (int x = 0; x < half.width; ++x, a += 6, b += 6, to += 3) {
      for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>((a[c] + a[c + 3] + b[c] + b[c + 3] + 2) / 4);
    }
  }
  return half;
}

// The range of x, first <= x < last, of a row in which `start + x * step` lies in [0, limit].
void clip_row(double start, double step, double limit, int& first, int& last) {
  if (std::abs(step) < 1e-12) {
    if (start < 0 || start > limit) last = first;
    return;
  }
  double low = -start / step, high = (limit - start) / step;
  if (low > high) std::swap(low, high);
  // An empty range stays within the row: its ends are where the border is filled from.
  first = std::min(last, std::max(first, static_cast<int>(std::ceil(std::clamp(low, -1.0, 1e9)))));
  last = std::max(first, std::min(last, static_cast<int>(std::floor(std::clamp(high, -1.0, 1e9))) + 1));
}

// One output row from x = first to last; (u, v) is the source position, minus half a pixel, of x = first.
void sample_row(const video::Image& image, float u, float v, float du, float dv, int count, std::uint8_t* to) {
  const int last_x = image.width - 1, last_y = image.height - 1;
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  for (int i = 0; i < count; ++i, to += 3) {
    const float x = std::clamp(u + static_cast<float>(i) * du, 0.0f, static_cast<float>(last_x));
    const float y = std::clamp(v + static_cast<float>(i) * dv, 0.0f, static_cast<float>(last_y));
    const int x0 = static_cast<int>(x), y0 = static_cast<int>(y);
    // 8 bits of each weight: results are within one grey level of exact ones.
    const int wx = static_cast<int>((x - static_cast<float>(x0)) * 256 + 0.5f),
              wy = static_cast<int>((y - static_cast<float>(y0)) * 256 + 0.5f);
    const std::uint8_t* a = image.pixels.data() + static_cast<std::size_t>(y0) * stride + static_cast<std::size_t>(x0) * 3;
    const std::uint8_t* b = y0 < last_y ? a + stride : a;
    const int next = x0 < last_x ? 3 : 0;
    for (int c = 0; c < 3; ++c) {
      const int top = a[c] * (256 - wx) + a[c + next] * wx, bottom = b[c] * (256 - wx) + b[c + next] * wx;
      to[c] = static_cast<std::uint8_t>((top * (256 - wy) + bottom * wy + 32768) >> 16);
    }
  }
}

bool inside(double x, double y, const LabelWarp& warp) { return x >= 0 && y >= 0 && x <= warp.width && y <= warp.height; }

Box warp_box(const Box& box, const LabelWarp& warp) {
  const Affine& to = warp.canvas_from_image;
  const std::array<std::array<double, 2>, 4> corners{to(box.x0, box.y0), to(box.x1, box.y0), to(box.x0, box.y1),
                                                     to(box.x1, box.y1)};
  double x0 = corners[0][0], x1 = x0, y0 = corners[0][1], y1 = y0;
  for (const auto& [x, y] : corners) {
    x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
  }
  const double width = warp.width, height = warp.height;
  return {static_cast<float>(std::clamp(x0, 0.0, width)), static_cast<float>(std::clamp(y0, 0.0, height)),
          static_cast<float>(std::clamp(x1, 0.0, width)), static_cast<float>(std::clamp(y1, 0.0, height))};
}

std::vector<Keypoint> warp_keypoints(const std::vector<Keypoint>& keypoints, const LabelWarp& warp) {
  std::vector<Keypoint> warped(keypoints.size());
  for (std::size_t k = 0; k < keypoints.size(); ++k) {
    const bool rename = warp.flip && k < warp.flip_order.size();
    const Keypoint& from = keypoints[rename ? static_cast<std::size_t>(warp.flip_order[k]) : k];
    if (from.visibility == 0) continue;
    const auto [x, y] = warp.canvas_from_image(from.x, from.y);
    if (inside(x, y, warp)) warped[k] = {static_cast<float>(x), static_cast<float>(y), from.visibility};
  }
  return warped;
}

}  // namespace

Affine Affine::rotation(double radians) {
  const double cosine = std::cos(radians), sine = std::sin(radians);
  return {cosine, -sine, 0, sine, cosine, 0};
}

Affine Affine::operator*(const Affine& other) const {
  return {a * other.a + b * other.d, a * other.b + b * other.e, a * other.c + b * other.f + c,
          d * other.a + e * other.d, d * other.b + e * other.e, d * other.c + e * other.f + f};
}

Affine Affine::inverse() const {
  const double scale = 1 / determinant();
  const double ia = e * scale, ib = -b * scale, id = -d * scale, ie = a * scale;
  return {ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)};
}

video::Image warp_image(const video::Image& image, const Affine& canvas_from_image, int width, int height,
                        const std::array<std::uint8_t, 3>& border) {
  if (std::abs(canvas_from_image.determinant()) < 0.25 && image.width >= 4 && image.height >= 4) {
    return warp_image(halve(image), canvas_from_image * Affine::scaling(2, 2), width, height, border);
  }
  video::Image canvas{width, height, {}};
  canvas.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  const Affine image_from_canvas = canvas_from_image.inverse();
  for (int y = 0; y < height; ++y) {
    const auto [u, v] = image_from_canvas(0.5, y + 0.5);
    int first = 0, last = width;
    clip_row(u, image_from_canvas.a, image.width, first, last);
    clip_row(v, image_from_canvas.d, image.height, first, last);
    std::uint8_t* row = canvas.row(y);
    for (int x = 0; x < first; ++x) std::copy(border.begin(), border.end(), row + 3 * x);
    sample_row(image, static_cast<float>(u + first * image_from_canvas.a - 0.5),
               static_cast<float>(v + first * image_from_canvas.d - 0.5), static_cast<float>(image_from_canvas.a),
               static_cast<float>(image_from_canvas.d), last - first, row + 3 * first);
    for (int x = last; x < width; ++x) std::copy(border.begin(), border.end(), row + 3 * x);
  }
  return canvas;
}

void warp_labels(Sample& sample, const LabelWarp& warp) {
  constexpr float kSmallestIgnored = 4;
  std::vector<Box> ignored;
  const auto ignore = [&](const Box& box) {
    if (box.width() >= kSmallestIgnored && box.height() >= kSmallestIgnored) ignored.push_back(box);
  };
  for (const Box& box : sample.ignore_boxes) ignore(warp_box(box, warp));
  std::vector<Person> people;
  for (Person& person : sample.people) {
    person.keypoints = warp_keypoints(person.keypoints, warp);
    person.box = warp_box(person.box, warp);
    person.area *= static_cast<float>(warp.area_factor);
    const bool seen =
        std::any_of(person.keypoints.begin(), person.keypoints.end(), [](const Keypoint& k) { return k.visibility > 0; });
    if (seen && std::max(person.box.width(), person.box.height()) >= warp.min_person) {
      people.push_back(std::move(person));
    } else {
      ignore(person.box);
    }
  }
  sample.people = std::move(people);
  sample.ignore_boxes = std::move(ignored);
}

}  // namespace vepe::data
