#pragma once

#include <memory>
#include <vector>

#include "model/backbone/backbone.h"

namespace vepe::model {

struct ResNetConfig {
  int depth = 50;                   // 18, 34, 50 or 101
  std::int64_t base_channels = 64;  // width of the first stage; doubled from stage to stage
  std::int64_t stem_channels = 64;
  std::vector<int> out_stages = {2, 3, 4};  // of 1..4, ascending; strides 4, 8, 16, 32
  bool caffe_style = false;                 // stride in the first 1x1 of a bottleneck instead of the 3x3
  int frozen_stages = 1;                    // -1: train all; 0: the stem does not train; n: stem and stages 1..n do not
  bool norm_eval = true;                    // batch norms keep their running statistics in training too
};

// ResNet (He et al.) with torchvision's parameter names (conv1, bn1, layer1.0.conv1, ...) and no classifier. The
// defaults are PETR's: maps of stages 2-4, stem and stage 1 frozen, batch norms in eval mode.
// Throws Error(kUsage) for a depth or stage that does not exist.
std::shared_ptr<Backbone> make_resnet(const ResNetConfig& config);

}  // namespace vepe::model
