#include "model/backbone/hrnet_module.h"

#include <string>

#include <torch/nn/functional/upsampling.h>
#include <torch/types.h>

#include "model/backbone/name_scope.h"

namespace vepe::model {

HRNetModule::HRNetModule(int branches, int blocks, std::int64_t width, int targets) : branches_(branches), exchange_(targets) {
  auto branch_scope = register_module("branches", std::make_shared<NameScope>());
  for (int branch = 0; branch < branches; ++branch) {
    auto scope = branch_scope->register_module(std::to_string(branch), std::make_shared<NameScope>());
    for (int block = 0; block < blocks; ++block) {
      branches_[branch].push_back(
          scope->register_module(std::to_string(block), std::make_shared<BasicBlock>(width << branch, width << branch, 1)));
    }
  }
  auto fuse_scope = register_module("fuse_layers", std::make_shared<NameScope>());
  for (int target = 0; target < targets; ++target) {
    auto scope = fuse_scope->register_module(std::to_string(target), std::make_shared<NameScope>());
    for (int source = 0; source < branches; ++source) {
      exchange_[target].push_back(add_exchange(*scope, target, source, width));
    }
  }
}

// Up: one 1x1 convolution, then nearest neighbour. Down: a stride-2 convolution for each halving; the last one
// changes the number of channels and has no ReLU. Equal: nothing, and no entry among the names.
HRNetModule::Chain HRNetModule::add_exchange(torch::nn::Module& parent, int target, int source, std::int64_t width) const {
  const std::int64_t in = width << source, out = width << target;
  const std::string name = std::to_string(source);
  if (source > target) return {parent.register_module(name, ConvNorm(ConvShape{in, out, 1, 1}, /*relu=*/false))};
  Chain chain;
  if (source == target) return chain;
  auto scope = parent.register_module(name, std::make_shared<NameScope>());
  for (int step = 0; step < target - source; ++step) {
    const bool last = step == target - source - 1;
    chain.push_back(scope->register_module(std::to_string(step), ConvNorm(ConvShape{in, last ? out : in, 3, 2}, /*relu=*/!last)));
  }
  return chain;
}

std::vector<at::Tensor> HRNetModule::forward(const std::vector<at::Tensor>& inputs, const std::vector<bool>& wanted) {
  std::vector<at::Tensor> maps;
  for (std::size_t branch = 0; branch < branches_.size(); ++branch) {
    at::Tensor map = inputs[branch];
    for (const auto& block : branches_[branch]) map = block->forward(map);
    maps.push_back(map);
  }
  std::vector<at::Tensor> outputs(maps.size());
  for (std::size_t target = 0; target < exchange_.size(); ++target) {
    if (wanted[target]) outputs[target] = fuse(maps, static_cast<int>(target));
  }
  return outputs;
}

// The order of the sum matters in the last bits: sources from the finest to the coarsest.
at::Tensor HRNetModule::fuse(const std::vector<at::Tensor>& maps, int target) {
  namespace F = torch::nn::functional;
  at::Tensor sum;
  for (int source = 0; source < static_cast<int>(maps.size()); ++source) {
    at::Tensor term = maps[source];
    for (auto& step : exchange_[target][source]) term = step->forward(term);
    if (source > target) {
      const std::vector<std::int64_t> size = {maps[target].size(2), maps[target].size(3)};
      term = F::interpolate(term, F::InterpolateFuncOptions().size(size).mode(torch::kNearest));
    }
    sum = source == 0 ? term : sum + term;
  }
  return sum.relu();
}

}  // namespace vepe::model
