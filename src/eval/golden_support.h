#pragma once

// For the tests of this folder: stored results of the official kits.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/atomic_file.h"

namespace vepe::eval {

inline std::filesystem::path golden(const std::string& path) {
  return std::filesystem::path(VEPE_SOURCE_DIR) / "tests/data/metrics" / path;
}

// Reads JSON that may hold the bare token NaN, as the kits write it; it becomes null.
inline nlohmann::json read_golden(const std::string& path) {
  std::string text = read_file(golden(path));
  for (std::size_t at = text.find("NaN"); at != std::string::npos; at = text.find("NaN", at)) text.replace(at, 3, "null");
  return nlohmann::json::parse(text);
}

// Compares numbers at 1e-9 (relative where > 1) and keeps the largest difference of a case.
class Comparison {
 public:
  explicit Comparison(std::string name) : name_(std::move(name)) {}
  ~Comparison() {
    std::cout << "[ largest  ] " << name_ << ": " << largest_ << " over " << count_ << " numbers\n";
    EXPECT_GT(count_, 0) << name_;
  }

  void equal(double got, const nlohmann::json& want, const std::string& what) {
    ++count_;
    if (want.is_null()) {
      EXPECT_TRUE(std::isnan(got)) << name_ << ": " << what << " is " << got << ", want NaN";
      return;
    }
    const double value = want.get<double>();
    const double difference = std::abs(got - value) / std::max(1.0, std::abs(value));
    if (!(difference <= largest_)) largest_ = difference;
    EXPECT_LE(difference, 1e-9) << name_ << ": " << what << " is " << got << ", want " << value;
  }

 private:
  std::string name_;
  double largest_ = 0;
  int count_ = 0;
};

}  // namespace vepe::eval
