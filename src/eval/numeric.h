#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace vepe::eval {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kEpsilon = std::numeric_limits<double>::epsilon();  // the kits' `np.spacing(1)`, `np.finfo(float).eps`

// Sum in the order of the kits' array library (pairwise, eight partial sums), so that last digits agree.
inline double pairwise_sum(std::span<const double> values) {
  const std::size_t n = values.size();
  if (n < 8) {
    double sum = 0;
    for (double v : values) sum += v;
    return sum;
  }
  if (n <= 128) {
    double part[8];
    for (int k = 0; k < 8; ++k) part[k] = values[k];
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8) {
      for (int k = 0; k < 8; ++k) part[k] += values[i + k];
    }
    double sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < n; ++i) sum += values[i];
    return sum;
  }
  std::size_t half = n / 2;
  half -= half % 8;
  return pairwise_sum(values.first(half)) + pairwise_sum(values.subspan(half));
}

inline double mean(std::span<const double> values) {
  return values.empty() ? kNan : pairwise_sum(values) / static_cast<double>(values.size());
}

// Mean of the values that are not NaN; NaN if there is none.
inline double mean_of_numbers(std::span<const double> values) {
  double sum = 0;
  int count = 0;
  for (double v : values) {
    if (std::isnan(v)) continue;
    sum += v;
    ++count;
  }
  return count == 0 ? kNan : sum / count;
}

}  // namespace vepe::eval
