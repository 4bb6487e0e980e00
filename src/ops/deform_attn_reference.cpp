#include "ops/deform_attn_reference.h"

#include <algorithm>
#include <cmath>

namespace vepe::ops {
namespace {

// One sampling point on its level: the cell up and left of it, and how far it is from that cell's centre.
template <typename T>
struct Place {
  bool inside = false;
  std::int64_t x0 = 0, y0 = 0;
  T fx = 0, fy = 0;
};

template <typename T>
Place<T> locate(const DeformAttnSizes::Level& level, const T* location) {
  const T x = location[0] * static_cast<T>(level.width) - T(0.5);
  const T y = location[1] * static_cast<T>(level.height) - T(0.5);
  Place<T> place;
  // Written so that a comparison with NaN says "outside".
  place.inside = x > T(-1) && x < static_cast<T>(level.width) && y > T(-1) && y < static_cast<T>(level.height);
  if (!place.inside) return place;
  place.x0 = static_cast<std::int64_t>(std::floor(x));
  place.y0 = static_cast<std::int64_t>(std::floor(y));
  place.fx = x - std::floor(x);
  place.fy = y - std::floor(y);
  return place;
}

// Calls visit(dx, dy, token, bilinear weight) for the corners that lie on the level.
template <typename T, typename Visit>
void for_each_corner(const DeformAttnSizes::Level& level, const Place<T>& place, Visit visit) {
  if (!place.inside) return;
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const std::int64_t x = place.x0 + dx, y = place.y0 + dy;
      if (x < 0 || y < 0 || x >= level.width || y >= level.height) continue;
      const T weight = (dx == 1 ? place.fx : 1 - place.fx) * (dy == 1 ? place.fy : 1 - place.fy);
      visit(dx, dy, level.start + y * level.width + x, weight);
    }
  }
}

// Calls visit(batch, row of the output, head, level, index of the point in weights).
template <typename Visit>
void for_each_point(const DeformAttnSizes& sizes, Visit visit) {
  const std::int64_t per_head = sizes.points_per_head();
  for (std::int64_t b = 0; b < sizes.batch; ++b) {
    for (std::int64_t n = 0; n < sizes.queries; ++n) {
      for (std::int64_t m = 0; m < sizes.heads; ++m) {
        const std::int64_t row = (b * sizes.queries + n) * sizes.heads + m;
        for (std::int64_t i = 0; i < per_head; ++i) {
          visit(b, row, m, sizes.levels[static_cast<std::size_t>(i / sizes.points)], row * per_head + i);
        }
      }
    }
  }
}

}  // namespace

template <typename T>
void deform_attn_reference_forward(const DeformAttnSizes& sizes, const T* value, const T* locations, const T* weights, T* output) {
  const std::int64_t channels = sizes.channels;
  std::fill_n(output, sizes.batch * sizes.queries * sizes.heads * channels, T(0));
  for_each_point(sizes, [&](std::int64_t b, std::int64_t row, std::int64_t m, const DeformAttnSizes::Level& level, std::int64_t i) {
    for_each_corner(level, locate(level, locations + 2 * i), [&](int, int, std::int64_t token, T bilinear) {
      const T* from = value + ((b * sizes.tokens + token) * sizes.heads + m) * channels;
      for (std::int64_t c = 0; c < channels; ++c) output[row * channels + c] += weights[i] * bilinear * from[c];
    });
  });
}

template <typename T>
void deform_attn_reference_backward(const DeformAttnSizes& sizes, const T* value, const T* locations, const T* weights,
                                    const T* grad_output, T* grad_value, T* grad_locations, T* grad_weights) {
  const std::int64_t channels = sizes.channels;
  std::fill_n(grad_value, sizes.batch * sizes.tokens * sizes.heads * channels, T(0));
  for_each_point(sizes, [&](std::int64_t b, std::int64_t row, std::int64_t m, const DeformAttnSizes::Level& level, std::int64_t i) {
    const Place<T> place = locate(level, locations + 2 * i);
    const T* grad = grad_output + row * channels;
    T by_weight = 0, by_x = 0, by_y = 0;
    for_each_corner(level, place, [&](int dx, int dy, std::int64_t token, T bilinear) {
      const std::int64_t at = ((b * sizes.tokens + token) * sizes.heads + m) * channels;
      T dot = 0;
      for (std::int64_t c = 0; c < channels; ++c) {
        dot += grad[c] * value[at + c];
        grad_value[at + c] += weights[i] * bilinear * grad[c];
      }
      by_weight += bilinear * dot;
      by_x += (dx == 1 ? dot : -dot) * (dy == 1 ? place.fy : 1 - place.fy);
      by_y += (dy == 1 ? dot : -dot) * (dx == 1 ? place.fx : 1 - place.fx);
    });
    grad_weights[i] = by_weight;
    grad_locations[2 * i] = place.inside ? weights[i] * static_cast<T>(level.width) * by_x : T(0);
    grad_locations[2 * i + 1] = place.inside ? weights[i] * static_cast<T>(level.height) * by_y : T(0);
  });
}

template void deform_attn_reference_forward(const DeformAttnSizes&, const float*, const float*, const float*, float*);
template void deform_attn_reference_forward(const DeformAttnSizes&, const double*, const double*, const double*, double*);
template void deform_attn_reference_backward(const DeformAttnSizes&, const float*, const float*, const float*, const float*, float*,
                                             float*, float*);
template void deform_attn_reference_backward(const DeformAttnSizes&, const double*, const double*, const double*, const double*,
                                             double*, double*, double*);

}  // namespace vepe::ops
