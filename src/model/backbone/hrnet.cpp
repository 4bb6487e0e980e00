#include "model/backbone/hrnet.h"

#include <algorithm>
#include <string>

#include <torch/types.h>

#include "core/error.h"
#include "model/backbone/freeze.h"
#include "model/backbone/hrnet_module.h"
#include "model/backbone/name_scope.h"

namespace vepe::model {
namespace {

constexpr std::int64_t kStemChannels = 64;
constexpr int kFirstStageBlocks = 4;

class HRNet : public Backbone {
 public:
  explicit HRNet(const HRNetConfig& config) : config_(config) {
    check_out_stages(config.out_branches, 1, 4);
    if (config.single_output && config.out_branches != std::vector<int>{1}) {
      throw Error(ErrorCode::kUsage, "backbone", "a single-output HRNet has no coarser outputs",
                  "ask for branch 1 only, or use multi-scale weights");
    }
    conv1_ = add_normed_conv(*this, "conv1", "bn1", {3, kStemChannels, 3, 2});
    conv2_ = add_normed_conv(*this, "conv2", "bn2", {kStemChannels, kStemChannels, 3, 2});
    add_first_stage();
    for (int stage = 2; stage <= 4; ++stage) add_stage(stage);
    for (const auto& module : frozen_modules()) stop_gradients(*module);
  }

  std::vector<at::Tensor> forward(const at::Tensor& image) override {
    if (image.size(2) % size_divisor() != 0 || image.size(3) % size_divisor() != 0) {
      throw Error(ErrorCode::kInput, "HRNet",
                  "the image is " + std::to_string(image.size(3)) + " x " + std::to_string(image.size(2)) + " pixels",
                  "pad width and height to multiples of 32 (input.multiple = 32)");
    }
    at::Tensor stem = conv2_->forward(conv1_->forward(image).relu_()).relu_();  // [B, 64, H/4, W/4]
    for (const auto& block : layer1_) stem = block->forward(stem);              // [B, 256, H/4, W/4]
    std::vector<at::Tensor> maps = {stem};
    for (int stage = 2; stage <= 4; ++stage) maps = run_stage(stage, std::move(maps));
    std::vector<at::Tensor> outputs;
    for (const int branch : config_.out_branches) outputs.push_back(maps[branch - 1]);
    return outputs;
  }

  std::vector<std::int64_t> out_channels() const override {
    std::vector<std::int64_t> channels;
    for (const int branch : config_.out_branches) channels.push_back(config_.width << (branch - 1));
    return channels;
  }

  std::vector<std::int64_t> out_strides() const override {
    std::vector<std::int64_t> strides;
    for (const int branch : config_.out_branches) strides.push_back(2 << branch);
    return strides;
  }

  std::int64_t size_divisor() const override { return 32; }

  void train(bool on = true) override {
    Backbone::train(on);
    if (!on) return;
    for (const auto& module : frozen_modules()) module->eval();
    if (config_.norm_eval) set_norms_to_eval(*this);
  }

 private:
  struct StageParts {
    std::vector<ConvNorm> transition;  // makes the branches that are new in this stage
    std::vector<std::shared_ptr<HRNetModule>> modules;
  };

  void add_first_stage() {
    auto scope = register_module("layer1", std::make_shared<NameScope>());
    std::int64_t channels = kStemChannels;
    for (int block = 0; block < kFirstStageBlocks; ++block) {
      layer1_.push_back(scope->register_module(std::to_string(block), std::make_shared<Bottleneck>(channels, kStemChannels, 1)));
      channels = kStemChannels * Bottleneck::kExpansion;
    }
  }

  // Stage s has s branches. Before stage 2 both branches are made from the one map; later, only the new, coarsest
  // branch is, from the coarsest before it, and the others pass through.
  void add_stage(int stage) {
    StageParts& parts = stages_[stage - 2];
    auto scope = register_module("transition" + std::to_string(stage - 1), std::make_shared<NameScope>());
    const std::int64_t coarse_in = stage == 2 ? kStemChannels * Bottleneck::kExpansion : config_.width << (stage - 2);
    if (stage == 2)
      parts.transition.push_back(scope->register_module("0", ConvNorm(ConvShape{coarse_in, config_.width, 3, 1}, true)));
    auto coarse = scope->register_module(std::to_string(stage - 1), std::make_shared<NameScope>());
    parts.transition.push_back(
        coarse->register_module("0", ConvNorm(ConvShape{coarse_in, config_.width << (stage - 1), 3, 2}, true)));

    auto modules = register_module("stage" + std::to_string(stage), std::make_shared<NameScope>());
    const int count = config_.modules[stage - 1];
    for (int index = 0; index < count; ++index) {
      const bool last = stage == 4 && index == count - 1;
      const int targets = last && config_.single_output ? 1 : stage;
      parts.modules.push_back(modules->register_module(
          std::to_string(index), std::make_shared<HRNetModule>(stage, config_.blocks, config_.width, targets)));
    }
  }

  std::vector<at::Tensor> run_stage(int stage, std::vector<at::Tensor> maps) {
    StageParts& parts = stages_[stage - 2];
    const at::Tensor coarsest = maps.back();
    if (stage == 2) maps.clear();
    for (auto& conv : parts.transition) maps.push_back(conv->forward(coarsest));
    for (const auto& module : parts.modules) {
      const bool last = stage == 4 && module == parts.modules.back();
      std::vector<bool> wanted(stage, !last);
      if (last) {
        for (const int branch : config_.out_branches) wanted[branch - 1] = true;
      }
      maps = module->forward(maps, wanted);
    }
    return maps;
  }

  std::vector<std::shared_ptr<torch::nn::Module>> frozen_modules() const {
    const auto children = named_children();
    std::vector<std::shared_ptr<torch::nn::Module>> frozen;
    if (config_.frozen_stages >= 0) frozen = {children["conv1"], children["bn1"], children["conv2"], children["bn2"]};
    if (config_.frozen_stages >= 1) frozen.push_back(children["layer1"]);
    return frozen;
  }

  HRNetConfig config_;
  NormedConv2d conv1_{nullptr}, conv2_{nullptr};
  std::vector<std::shared_ptr<Bottleneck>> layer1_;
  std::array<StageParts, 3> stages_;  // stages 2, 3, 4
};

}  // namespace

std::shared_ptr<Backbone> make_hrnet(const HRNetConfig& config) { return std::make_shared<HRNet>(config); }

}  // namespace vepe::model
