#pragma once

#include <array>
#include <memory>
#include <vector>

#include "model/backbone/backbone.h"

namespace vepe::model {

struct SwinConfig {          // the defaults are Swin-L
  std::int64_t embed = 192;  // channels of the first stage; doubled from stage to stage
  std::array<int, 4> depths = {2, 2, 18, 2};
  std::array<int, 4> heads = {6, 12, 24, 48};
  int window = 7;
  double mlp_ratio = 4.0;
  double drop_path = 0.3;                   // stochastic depth of the last block in training; grows linearly from 0
  std::vector<int> out_stages = {2, 3, 4};  // of 1..4, ascending; strides 4, 8, 16, 32
  int frozen_stages = -1;                   // 0: the patch embedding does not train; n: stages 1..n do not either
};

// Swin Transformer (Liu et al.) as detectors use it: odd blocks always shift their windows, and every returned map has a
// LayerNorm of its own (norm0..norm3). Names and the channel order of patch merging are the official ones
// (layers.0.blocks.0.attn.qkv, ...). Any image size: it is padded with zeros where a step needs it.
std::shared_ptr<Backbone> make_swin(const SwinConfig& config);

}  // namespace vepe::model
