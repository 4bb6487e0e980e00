#pragma once

#include <array>
#include <memory>
#include <vector>

#include "model/backbone/backbone.h"

namespace vepe::model {

struct HRNetConfig {
  std::int64_t width = 48;                    // channels of the finest branch; doubled from branch to branch
  std::array<int, 4> modules = {1, 1, 4, 3};  // modules of each stage; the first stage counts none of them
  int blocks = 4;                             // basic blocks of each branch of a module
  std::vector<int> out_branches = {2, 3, 4};  // of 1..4, ascending; strides 4, 8, 16, 32
  // The last module fuses into the first branch alone, as in public pose_hrnet weights: out_branches must be {1} then.
  bool single_output = false;
  int frozen_stages = -1;  // 0: the stem does not train; 1: the stem and stage 1 do not
  bool norm_eval = true;   // batch norms keep their running statistics in training too
};

// HRNet (Sun et al.) with the parameter names of its authors, which OpenMMLab kept (conv1, bn1, layer1.0.conv1,
// transition1.0.0, stage2.0.branches.0.0.conv1, stage2.0.fuse_layers.0.1.0, ...). Height and width of the image
// must be multiples of 32: maps are added without resizing. The defaults are W48 with PETR's three outputs.
std::shared_ptr<Backbone> make_hrnet(const HRNetConfig& config);

}  // namespace vepe::model
