#pragma once

#include <memory>
#include <vector>

#include "model/backbone/residual_block.h"

namespace vepe::model {

// The parallel branches of one HRNet module and the exchange between them. Branch b has `width` * 2^b channels.
class HRNetModule : public torch::nn::Module {
 public:
  // The exchange has weights for the first `targets` branches only.
  HRNetModule(int branches, int blocks, std::int64_t width, int targets);

  // One map a branch -> one map a branch, finest first. `wanted[b]` = false leaves that output undefined.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& inputs, const std::vector<bool>& wanted);

 private:
  using Chain = std::vector<ConvNorm>;

  Chain add_exchange(torch::nn::Module& parent, int target, int source, std::int64_t width) const;
  at::Tensor fuse(const std::vector<at::Tensor>& maps, int target);

  std::vector<std::vector<std::shared_ptr<BasicBlock>>> branches_;
  std::vector<std::vector<Chain>> exchange_;  // [target][source]
};

}  // namespace vepe::model
