#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/sample.h"

namespace vepe::data {

// x' = a x + b y + c, y' = d x + e y + f, in continuous pixels (sample.h).
struct Affine {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;

  static Affine translation(double x, double y) { return {1, 0, x, 0, 1, y}; }
  static Affine scaling(double x, double y) { return {x, 0, 0, 0, y, 0}; }
  static Affine rotation(double radians);
  // Mirror of a picture `width` wide.
  static Affine mirror(double width) { return {-1, 0, width, 0, 1, 0}; }

  std::array<double, 2> operator()(double x, double y) const { return {a * x + b * y + c, d * x + e * y + f}; }
  // (*this)(other(p)).
  Affine operator*(const Affine& other) const;
  // Undefined for a determinant of 0.
  Affine inverse() const;
  double determinant() const { return a * e - b * d; }
};

// Bilinear at half-pixel centres, edge pixels repeated within the picture, `border` outside of it. A picture that shrinks to
// less than half is averaged over 2 x 2 pixels first, as often as needed.
video::Image warp_image(const video::Image& image, const Affine& canvas_from_image, int width, int height,
                        const std::array<std::uint8_t, 3>& border);

// How labels follow the picture.
struct LabelWarp {
  Affine canvas_from_image;
  int width = 0, height = 0;  // canvas
  double area_factor = 1;     // resizing only: neither rotation nor crop changes the area of a person
  bool flip = false;          // then joints are renamed by `flip_order`
  std::vector<int> flip_order;
  double min_person = 0;  // persons whose box is smaller (longer side, pixels) become regions to ignore
};

// Keypoints outside the canvas become 0, 0, 0. Boxes become the hull of their warped corners within the canvas. A person
// without keypoints left is dropped, and its box is ignored when 4 x 4 pixels or more of it remain.
void warp_labels(Sample& sample, const LabelWarp& warp);

}  // namespace vepe::data
