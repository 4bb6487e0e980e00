#pragma once

// One alphabet for the whole project:
//   B batch, T frames, N queries, K keypoints, C channels, D channels of one head, L levels, M heads,
//   P sampling points (the k of eq. 1), S tokens over all levels, H W pixels or cells.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace vepe::ops {

// The grid of one feature level; level l holds tokens [start_l, start_l + height * width), row-major.
struct LevelShape {
  std::int64_t height = 0, width = 0;
  bool operator==(const LevelShape&) const = default;
};
using LevelShapes = std::vector<LevelShape>;

std::int64_t token_count(const LevelShapes& shapes);  // S

// Throws Error(kUsage) "memory: got [2, 8500, 128], want [2, 8500, 256]"; -1 stands for any size.
void expect_shape(const at::Tensor& tensor, std::initializer_list<std::int64_t> shape, std::string_view name);

}  // namespace vepe::ops
