#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/deform_attn_sizes.h"

namespace vepe::ops {

// The L * P sampling points of a head, as arrays over points: each point's level. Padded to a multiple of the longest
// vector with points on a 1 x 1 level.
class DeformAttnPoints {
 public:
  explicit DeformAttnPoints(const DeformAttnSizes& sizes);

  std::size_t count() const { return count_; }            // L * P
  std::size_t padded_count() const { return width_.size(); }
  const float* width() const { return width_.data(); }
  const float* height() const { return height_.data(); }
  const std::int32_t* start() const { return start_.data(); }

 private:
  std::size_t count_;
  std::vector<float> width_, height_;
  std::vector<std::int32_t> start_;
};

// One head of one batch item over a range of queries. `token_stride` counts elements between the rows of two tokens,
// `query_stride` heads (M): a query's points start L * P * M further on, its output row D * M.
// The pointers are those of query 0. S * token_stride must be below 2^31.
struct DeformAttnHead {
  const DeformAttnPoints* points = nullptr;
  std::int64_t channels = 0;      // D: elements of an output row
  std::int64_t row_channels = 0;  // elements of a token's row, at least D; what is beyond D holds zeros
  std::int64_t token_stride = 0;
  std::int64_t query_stride = 0;
  std::int64_t query_begin = 0, query_end = 0;
  const float* locations = nullptr;
  const float* weights = nullptr;
};

// Highway kernels; the instruction set is chosen at the first call (hwy::DisableTargets narrows the choice).
// value: [S] rows of row_channels; bf16 values are raw bits. output: [N] rows, overwritten.
void deform_attn_head_forward(const DeformAttnHead& head, const float* value, float* output);
void deform_attn_head_forward(const DeformAttnHead& head, const std::uint16_t* bf16_value, float* output);

// Adds to grad_value (laid out as value) and overwrites grad_locations and grad_weights of the queries in range.
// Queries are visited in order, so that the sums do not depend on how heads are spread over threads.
void deform_attn_head_backward(const DeformAttnHead& head, const float* value, const float* grad_output, float* grad_value,
                               float* grad_locations, float* grad_weights);

}  // namespace vepe::ops
