#include "core/linear_assignment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/random.h"

namespace vepe {
namespace {

constexpr double kForbidden = std::numeric_limits<double>::infinity();

// Pairs made and their cost; more pairs are better, then less cost.
using Value = std::pair<int, double>;

bool better(const Value& a, const Value& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; }

Value value_of(const std::vector<double>& cost, int columns, const std::vector<int>& columns_of_rows) {
  Value value{0, 0};
  for (std::size_t i = 0; i < columns_of_rows.size(); ++i) {
    if (columns_of_rows[i] < 0) continue;
    ++value.first;
    value.second += cost[i * columns + columns_of_rows[i]];
  }
  return value;
}

Value brute_force(const std::vector<double>& cost, int rows, int columns, int row, unsigned used) {
  if (row == rows) return {0, 0};
  Value best = brute_force(cost, rows, columns, row + 1, used);
  for (int j = 0; j < columns; ++j) {
    const double c = cost[row * columns + j];
    if ((used >> j & 1) || !std::isfinite(c)) continue;
    Value value = brute_force(cost, rows, columns, row + 1, used | 1u << j);
    ++value.first;
    value.second += c;
    if (better(value, best)) best = value;
  }
  return best;
}

void expect_valid(const std::vector<double>& cost, int columns, const std::vector<int>& answer) {
  std::vector<int> taken(columns, 0);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    if (answer[i] < 0) continue;
    ASSERT_LT(answer[i], columns);
    EXPECT_EQ(taken[answer[i]]++, 0);
    EXPECT_TRUE(std::isfinite(cost[i * columns + answer[i]]));
  }
}

TEST(LinearAssignment, MatchesBruteForceUpTo6x6) {
  LinearAssignment solver;
  for (int seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const int rows = static_cast<int>(random.integer(0, 6)), columns = static_cast<int>(random.integer(0, 6));
    const double forbidden_share = seed % 3 * 0.3;
    std::vector<double> cost(rows * columns);
    for (double& c : cost) {
      c = seed % 5 == 0 ? static_cast<double>(random.integer(-2, 2)) : random.uniform(-10, 10);
      if (random.chance(forbidden_share)) c = random.chance(0.5) ? kForbidden : std::nan("");
    }
    const auto answer = solver.solve(cost, rows, columns);
    expect_valid(cost, columns, answer);
    const Value got = value_of(cost, columns, answer), want = brute_force(cost, rows, columns, 0, 0);
    EXPECT_EQ(got.first, want.first);
    EXPECT_NEAR(got.second, want.second, 1e-9);
  }
}

TEST(LinearAssignment, TransposeCostsTheSame) {
  for (int seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const int rows = 40, columns = 70;
    std::vector<double> cost(rows * columns), transposed(cost.size());
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) transposed[j * rows + i] = cost[i * columns + j] = random.uniform();
    }
    const Value a = value_of(cost, columns, linear_assignment(cost, rows, columns));
    const Value b = value_of(transposed, rows, linear_assignment(transposed, columns, rows));
    EXPECT_EQ(a.first, rows);
    EXPECT_EQ(b.first, rows);
    EXPECT_NEAR(a.second, b.second, 1e-12);
  }
}

TEST(LinearAssignment, PrefersTheIdentityOnEqualCosts) {
  EXPECT_EQ(linear_assignment(std::vector<double>(9, 1.0), 3, 3), (std::vector<int>{0, 1, 2}));
}

TEST(LinearAssignment, LeavesForbiddenRowsAlone) {
  const std::vector<double> cost{kForbidden, kForbidden, 5, kForbidden, 1, kForbidden};
  EXPECT_EQ(linear_assignment(cost, 3, 2), (std::vector<int>{-1, -1, 0}));
  EXPECT_EQ(linear_assignment({}, 2, 0), (std::vector<int>{-1, -1}));
}

TEST(LinearAssignment, MoreAllowedPairsBeatACheaperOne) {
  const std::vector<double> cost{0, 100, 100, kForbidden};
  EXPECT_EQ(linear_assignment(cost, 2, 2), (std::vector<int>{1, 0}));
}

TEST(LinearAssignment, RefusesACostOfTheWrongSize) { EXPECT_THROW(linear_assignment(std::vector<double>(5), 2, 3), Error); }

}  // namespace
}  // namespace vepe
