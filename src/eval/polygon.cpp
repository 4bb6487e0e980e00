#include "eval/polygon.h"

#include <algorithm>
#include <cmath>

namespace vepe::eval {
namespace {

// Sign of a b - c d.
int sign_of_determinant(double a, double b, double c, double d) {
  const double p = a * b, q = c * d;
  const double rest = std::fma(a, b, -p) - std::fma(c, d, -q);
  const double value = (p - q) + rest;
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}

}  // namespace

bool strictly_inside(const formats::Polygon& polygon, double x, double y) {
  const auto& points = polygon.points;
  bool inside = false;
  for (std::size_t i = 0, j = points.size() - 1; i < points.size(); j = i++) {
    const auto [ax, ay] = points[j];
    const auto [bx, by] = points[i];
    const int side = sign_of_determinant(bx - ax, y - ay, x - ax, by - ay);
    if (side == 0 && x >= std::min(ax, bx) && x <= std::max(ax, bx) && y >= std::min(ay, by) && y <= std::max(ay, by)) return false;
    // The edge crosses the ray to the right of the point.
    if ((ay > y) != (by > y) && side == (by > ay ? 1 : -1)) inside = !inside;
  }
  return inside;
}

}  // namespace vepe::eval
