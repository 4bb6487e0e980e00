#pragma once

#include <cstdint>
#include <vector>

namespace vepe::ops {

// Sizes of one deformable attention, without tensors, for the kernel and its reference. All arrays are contiguous:
//   value [B, S, M, D], locations [B, N, M, L, P, 2], weights [B, N, M, L, P], output [B, N, M, D].
struct DeformAttnSizes {
  struct Level {
    std::int64_t start = 0, height = 0, width = 0;  // tokens [start, start + height * width), row-major
  };
  std::int64_t batch = 0, tokens = 0, queries = 0, heads = 0, channels = 0, points = 0;  // B S N M D P
  std::vector<Level> levels;                                                             // L

  std::int64_t points_per_head() const { return static_cast<std::int64_t>(levels.size()) * points; }  // L * P
};

}  // namespace vepe::ops
