#include "core/linear_assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"

namespace vepe {

const std::vector<int>& LinearAssignment::solve(std::span<const double> cost, std::size_t rows, std::size_t columns) {
  if (cost.size() != rows * columns || (columns != 0 && cost.size() / columns != rows)) {
    throw Error(
        ErrorCode::kUsage, "linear assignment",
        std::to_string(cost.size()) + " costs do not make a matrix of " + std::to_string(rows) + " x " + std::to_string(columns));
  }
  answer_.assign(rows, -1);
  if (rows == 0 || columns == 0) return answer_;

  double largest = 0;
  for (double value : cost) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  // Dearer than any exchange among allowed pairs could save, so forbidden pairs only fill up what must stay alone.
  const bool transposed = rows > columns;
  const std::size_t n = std::min(rows, columns), m = std::max(rows, columns);
  const double forbidden = 2 * static_cast<double>(n) * (1 + largest) + 1;
  cost_.resize(n * m);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      const double value = transposed ? cost[j * columns + i] : cost[i * columns + j];
      cost_[i * m + j] = std::isfinite(value) ? value : forbidden;
    }
  }

  row_price_.assign(n, 0);
  column_price_.assign(m, 0);
  column_of_row_.assign(n, -1);
  row_of_column_.assign(m, -1);
  path_cost_.resize(m);
  path_.resize(m);
  remaining_.resize(m);
  for (std::size_t row = 0; row < n; ++row) augment(row, m);

  for (std::size_t i = 0; i < n; ++i) {
    const auto j = static_cast<std::size_t>(column_of_row_[i]);
    const auto row = transposed ? j : i, column = transposed ? i : j;
    if (std::isfinite(cost[row * columns + column])) answer_[row] = static_cast<int>(column);
  }
  return answer_;
}

// Finds the cheapest alternating path from `row` to a free column (Dijkstra on reduced costs) and flips it.
void LinearAssignment::augment(std::size_t row, std::size_t columns) {
  row_seen_.assign(column_of_row_.size(), 0);
  column_seen_.assign(columns, 0);
  std::fill(path_cost_.begin(), path_cost_.end(), std::numeric_limits<double>::infinity());
  // Filled from the end: with equal costs the assignment then prefers the identity.
  for (std::size_t k = 0; k < columns; ++k) remaining_[k] = static_cast<int>(columns - k - 1);

  std::size_t left = columns, i = row;
  double shortest = 0;
  int sink = -1;
  while (sink < 0) {
    row_seen_[i] = 1;
    std::size_t best = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < left; ++k) {
      const int j = remaining_[k];
      const double through = shortest + cost_[i * columns + j] - row_price_[i] - column_price_[j];
      if (through < path_cost_[j]) {
        path_cost_[j] = through;
        path_[j] = static_cast<int>(i);
      }
      if (path_cost_[j] < lowest || (path_cost_[j] == lowest && row_of_column_[j] < 0)) {
        lowest = path_cost_[j];
        best = k;
      }
    }
    shortest = lowest;
    const int j = remaining_[best];
    column_seen_[j] = 1;
    remaining_[best] = remaining_[--left];
    if (row_of_column_[j] < 0)
      sink = j;
    else
      i = static_cast<std::size_t>(row_of_column_[j]);
  }

  row_price_[row] += shortest;
  for (std::size_t k = 0; k < row_seen_.size(); ++k) {
    if (row_seen_[k] && k != row) row_price_[k] += shortest - path_cost_[column_of_row_[k]];
  }
  for (std::size_t k = 0; k < columns; ++k) {
    if (column_seen_[k]) column_price_[k] -= shortest - path_cost_[k];
  }
  for (int j = sink;;) {
    const int k = path_[j];
    row_of_column_[j] = k;
    std::swap(column_of_row_[k], j);
    if (static_cast<std::size_t>(k) == row) break;
  }
}

std::vector<int> linear_assignment(std::span<const double> cost, std::size_t rows, std::size_t columns) {
  return LinearAssignment().solve(cost, rows, columns);
}

}  // namespace vepe
