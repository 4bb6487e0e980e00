#pragma once

#include "ops/shapes.h"

namespace vepe::ops {

// Multi-scale deformable attention (Deformable DETR, eq. 3; with T * L levels the TMSDA of the VEPE paper, eq. 1):
//   out[b, q, m, :] = sum over l, p of weights[b, q, m, l, p] * bilinear(value of level l, locations[b, q, m, l, p])
// Locations are x, y in 0..1 of the level, half-pixel cell centres (0 is the left edge of the first cell), zero
// outside. Any number of levels, points and channels; differentiable in value, locations and weights.
//   value     [B, S, M, D]  fp32, or bf16 with fp32 accumulation (inference)
//   shapes    L levels, S = sum of their cells
//   locations [B, N, M, L, P, 2]  fp32
//   weights   [B, N, M, L, P]     fp32
//   returns   [B, N, M * D] fp32
// fp64 inputs go through the plain reference (for gradient checks). Threads: at::get_num_threads().
// Throws Error(kUsage) when shapes or types do not fit.
at::Tensor deform_attn(const at::Tensor& value, const LevelShapes& shapes, const at::Tensor& locations, const at::Tensor& weights);

}  // namespace vepe::ops
