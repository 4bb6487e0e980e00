#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vepe {

// The assignment problem: pairs rows with columns, each used at most once, at the lowest total cost.
// Shortest augmenting paths (Jonker and Volgenant 1987, in Crouse's rectangular form), O(n^3) at worst.
// An object keeps its buffers between calls; use one per thread.
class LinearAssignment {
 public:
  // `cost` is row-major [rows, columns]. Entries that are not finite are forbidden: as many allowed pairs as
  // possible are made, and among these solutions the cheapest is taken. Without forbidden entries
  // min(rows, columns) pairs are made. Ties are broken the same way on every machine.
  // Returns the column of each row, -1 for a row left alone. Throws Error(kUsage) if the sizes do not fit.
  const std::vector<int>& solve(std::span<const double> cost, std::size_t rows, std::size_t columns);

 private:
  void augment(std::size_t row, std::size_t columns);

  std::vector<double> cost_, row_price_, column_price_, path_cost_;
  std::vector<int> column_of_row_, row_of_column_, path_, remaining_, answer_;
  std::vector<char> row_seen_, column_seen_;
};

// The same for a single call.
std::vector<int> linear_assignment(std::span<const double> cost, std::size_t rows, std::size_t columns);

}  // namespace vepe
