#include "model/backbone/resnet.h"

#include <algorithm>
#include <array>
#include <string>

#include <torch/nn/functional/pooling.h>

#include "core/error.h"
#include "model/backbone/freeze.h"
#include "model/backbone/residual_block.h"

namespace vepe::model {
namespace {

struct DepthPlan {
  int depth;
  bool bottleneck;
  std::array<int, 4> blocks;
};
constexpr DepthPlan kPlans[] = {
    {18, false, {2, 2, 2, 2}}, {34, false, {3, 4, 6, 3}}, {50, true, {3, 4, 6, 3}}, {101, true, {3, 4, 23, 3}}};

const DepthPlan& plan_of(int depth) {
  const auto found = std::find_if(std::begin(kPlans), std::end(kPlans), [&](const DepthPlan& plan) { return plan.depth == depth; });
  if (found == std::end(kPlans)) {
    throw Error(ErrorCode::kUsage, "backbone", "there is no ResNet-" + std::to_string(depth), "use depth 18, 34, 50 or 101");
  }
  return *found;
}

// The blocks of one stage, children "0", "1", ...
class Stage : public torch::nn::Module {
 public:
  void add(std::shared_ptr<ResidualBlock> block) {
    blocks_.push_back(register_module(std::to_string(blocks_.size()), std::move(block)));
  }

  at::Tensor forward(at::Tensor features) {
    for (const auto& block : blocks_) features = block->forward(features);
    return features;
  }

 private:
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
};

class ResNet : public Backbone {
 public:
  explicit ResNet(const ResNetConfig& config) : config_(config), plan_(plan_of(config.depth)) {
    check_out_stages(config.out_stages, 1, 4);
    conv1_ = add_normed_conv(*this, "conv1", "bn1", {3, config.stem_channels, 7, 2});
    std::int64_t channels = config.stem_channels;
    for (int stage = 0; stage < 4; ++stage) {
      stages_.push_back(register_module("layer" + std::to_string(stage + 1), make_stage(stage, channels)));
      channels = stage_channels(stage);
    }
    freeze();
  }

  std::vector<at::Tensor> forward(const at::Tensor& image) override {
    namespace F = torch::nn::functional;
    at::Tensor features = conv1_->forward(image).relu_();  // [B, stem, H/2, W/2]
    features = F::max_pool2d(features, F::MaxPool2dFuncOptions(3).stride(2).padding(1));
    std::vector<at::Tensor> maps;
    for (int stage = 0; stage < config_.out_stages.back(); ++stage) {
      features = stages_[stage]->forward(features);
      if (std::count(config_.out_stages.begin(), config_.out_stages.end(), stage + 1)) maps.push_back(features);
    }
    return maps;
  }

  std::vector<std::int64_t> out_channels() const override {
    std::vector<std::int64_t> channels;
    for (const int stage : config_.out_stages) channels.push_back(stage_channels(stage - 1));
    return channels;
  }

  std::vector<std::int64_t> out_strides() const override {
    std::vector<std::int64_t> strides;
    for (const int stage : config_.out_stages) strides.push_back(2 << stage);
    return strides;
  }

  // Frozen parts and, with `norm_eval`, all batch norms stay in eval mode.
  void train(bool on = true) override {
    Backbone::train(on);
    if (!on) return;
    for (auto& module : frozen_modules()) module->eval();
    if (config_.norm_eval) set_norms_to_eval(*this);
  }

 private:
  std::int64_t stage_channels(int stage) const {
    return (config_.base_channels << stage) * (plan_.bottleneck ? Bottleneck::kExpansion : BasicBlock::kExpansion);
  }

  std::shared_ptr<Stage> make_stage(int stage, std::int64_t in) const {
    auto blocks = std::make_shared<Stage>();
    const std::int64_t width = config_.base_channels << stage;
    for (int block = 0; block < plan_.blocks[stage]; ++block) {
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      if (plan_.bottleneck) {
        blocks->add(std::make_shared<Bottleneck>(in, width, stride, config_.caffe_style));
      } else {
        blocks->add(std::make_shared<BasicBlock>(in, width, stride));
      }
      in = stage_channels(stage);
    }
    return blocks;
  }

  std::vector<std::shared_ptr<torch::nn::Module>> frozen_modules() const {
    const auto children = named_children();
    std::vector<std::shared_ptr<torch::nn::Module>> frozen;
    if (config_.frozen_stages >= 0) frozen = {children["conv1"], children["bn1"]};
    for (int stage = 1; stage <= std::min(config_.frozen_stages, 4); ++stage) frozen.push_back(stages_[stage - 1]);
    return frozen;
  }

  void freeze() {
    for (const auto& module : frozen_modules()) stop_gradients(*module);
  }

  ResNetConfig config_;
  DepthPlan plan_;
  NormedConv2d conv1_{nullptr};
  std::vector<std::shared_ptr<Stage>> stages_;
};

}  // namespace

std::shared_ptr<Backbone> make_resnet(const ResNetConfig& config) { return std::make_shared<ResNet>(config); }

}  // namespace vepe::model
