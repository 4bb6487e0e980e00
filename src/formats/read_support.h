#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/json_cursor.h"
#include "formats/pose_data.h"

namespace vepe::formats {

// Inside formats/ only: what the readers share.

// Larger values overflow when a metric squares them; no picture comes near.
inline constexpr double kCoordinateLimit = 1e9;
inline constexpr double kScoreLimit = 1e9;
inline constexpr int kMaxJoints = 4096;

// Keeps or throws: in lenient mode the error goes to the list.
inline void skip_or_throw(const Error& error, const ReadOptions& options) {
  if (!options.lenient) throw error;
  if (options.skipped != nullptr) options.skipped->push_back({error.where(), error.message()});
}

inline int small_int(JsonCursor& cursor, const char* what) {
  const std::int64_t value = cursor.integer();
  if (value < 0 || value > std::numeric_limits<int>::max()) {
    cursor.fail(std::string(what) + " " + std::to_string(value) + " is out of range", "write a count or size that fits");
  }
  return static_cast<int>(value);
}

// A list of numbers, each within the limit, or null; `values` is overwritten.
inline void read_numbers(JsonCursor& cursor, double limit, const char* what, std::vector<double>& values) {
  values.clear();
  if (!cursor.take_null()) cursor.numbers_within(limit, what, values);
}

// [x, y, third, x, y, third, ..]: absent where all three are 0. `third_is_score` sets the score too.
inline void read_keypoint_triples(JsonCursor& cursor, bool third_is_score, std::vector<double>& scratch,
                                  std::vector<Keypoint>& keypoints) {
  read_numbers(cursor, kCoordinateLimit, "a keypoint value", scratch);
  if (scratch.size() % 3 != 0) {
    cursor.fail("the number of keypoint values is not a multiple of 3", "give x, y and a third number for every joint");
  }
  keypoints.resize(scratch.size() / 3);
  const double* triple = scratch.data();
  for (Keypoint& keypoint : keypoints) {
    keypoint.x = triple[0];
    keypoint.y = triple[1];
    if (third_is_score) keypoint.score = triple[2];
    keypoint.visibility = static_cast<float>(triple[2]);
    keypoint.present = triple[0] != 0 || triple[1] != 0 || triple[2] != 0;
    triple += 3;
  }
}

// [x, y, width, height]; nothing for an empty list or null.
inline std::optional<Box> read_box(JsonCursor& cursor, const char* what) {
  double values[4];
  int count = 0;
  if (cursor.take_null()) return std::nullopt;
  for (cursor.enter_array(); cursor.next_element(); ++count) {
    const double value = cursor.number_within(kCoordinateLimit, what);
    if (count < 4) values[count] = value;
  }
  if (count == 0) return std::nullopt;
  if (count != 4) cursor.fail(std::string(what) + " has " + std::to_string(count) + " numbers, not 4", "write x, y, width, height");
  return Box{values[0], values[1], values[2], values[3]};
}

}  // namespace vepe::formats
