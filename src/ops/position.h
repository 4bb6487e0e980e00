#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ops/shapes.h"

namespace vepe::ops {

// Where tokens are: PETR's position encoding and reference points (as in Deformable DETR). A padding mask is
// [B, H, W] bool, true on padding; the real image fills the upper left corner.

// Sine encoding of each token's place inside the real image: channels / 2 features of y, then of x, in token layout.
// With n = 1, 2, ... counting the valid cells along an axis: e = 2 pi (n - 0.5) / (n_last + 1e-6), feature i is
// sin (even i) or cos (odd i) of e / temperature^(2 floor(i / 2) / (channels / 2)).
//   mask     [B, H, W] bool;  channels: a multiple of 4
//   returns  [B, H * W, channels] fp32
at::Tensor sine_position(const at::Tensor& mask, std::int64_t channels, double temperature = 10000);

// Share of each level that the real image covers, read from the first row and column of its mask.
//   masks    one [B, H_l, W_l] a level
//   returns  [B, L, 2] fp32: valid columns / W_l, valid rows / H_l
at::Tensor valid_ratios(const std::vector<at::Tensor>& masks);

// The sampling centre of every token on every level: the token's cell centre in 0..1 of the real image, times the
// target level's valid ratio.
//   ratios   [B, L, 2] from valid_ratios
//   returns  [B, S, L, 2] fp32, x before y
at::Tensor encoder_reference_points(const LevelShapes& shapes, const at::Tensor& ratios);

// The cell centre of every token in 0..1 of the real image; above 1 on padding. [B, S, 2], x before y.
at::Tensor cell_centres(const LevelShapes& shapes, const at::Tensor& ratios);

// log(p / (1 - p)), with p and 1 - p at least 1e-5. No gradient where a clamp holds that factor fixed.
at::Tensor inverse_sigmoid(const at::Tensor& p);

}  // namespace vepe::ops
