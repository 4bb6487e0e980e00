#include "model/backbone/swin.h"

#include <algorithm>
#include <numeric>
#include <string>

#include <torch/nn/functional/padding.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "core/error.h"
#include "model/backbone/freeze.h"
#include "model/backbone/name_scope.h"
#include "model/backbone/swin_block.h"

namespace vepe::model {
namespace {

namespace F = torch::nn::functional;
constexpr std::int64_t kPatch = 4;

// Non-overlapping 4x4 patches to tokens: [B, 3, H, W] -> [B, ceil(H/4), ceil(W/4), C].
class PatchEmbed : public torch::nn::Module {
 public:
  explicit PatchEmbed(std::int64_t channels) {
    proj_ = register_module("proj", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, channels, kPatch).stride(kPatch)));
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels})));
  }
  at::Tensor forward(const at::Tensor& image) {
    const std::int64_t right = (kPatch - image.size(3) % kPatch) % kPatch, bottom = (kPatch - image.size(2) % kPatch) % kPatch;
    const at::Tensor padded = right || bottom ? F::pad(image, F::PadFuncOptions({0, right, 0, bottom})) : image;
    return norm_->forward(proj_->forward(padded).permute({0, 2, 3, 1}));
  }

 private:
  torch::nn::Conv2d proj_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};

// 2x2 tokens to one: [B, H, W, C] -> [B, ceil(H/2), ceil(W/2), 2C].
class PatchMerging : public torch::nn::Module {
 public:
  explicit PatchMerging(std::int64_t channels) {
    reduction_ = register_module("reduction", torch::nn::Linear(torch::nn::LinearOptions(4 * channels, 2 * channels).bias(false)));
    norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4 * channels})));
  }
  at::Tensor forward(const at::Tensor& map) {
    const std::int64_t right = map.size(2) % 2, bottom = map.size(1) % 2;
    const at::Tensor even = right || bottom ? F::pad(map, F::PadFuncOptions({0, 0, 0, right, 0, bottom})) : map;
    const auto corner = [&](std::int64_t row, std::int64_t column) {
      return even.slice(1, row, even.size(1), 2).slice(2, column, even.size(2), 2);
    };
    // The official order: down the first column, then down the second.
    const at::Tensor merged = torch::cat({corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)}, -1);
    return reduction_->forward(norm_->forward(merged));
  }

 private:
  torch::nn::Linear reduction_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};

class Swin : public Backbone {
 public:
  explicit Swin(const SwinConfig& config) : config_(config) {
    check_out_stages(config.out_stages, 1, 4);
    for (int stage = 0; stage < 4; ++stage) {
      if (channels(stage) % config.heads[stage] != 0) {
        throw Error(ErrorCode::kUsage, "backbone",
                    "the heads of stage " + std::to_string(stage + 1) + " do not divide its channels",
                    "choose channels = heads x a whole number");
      }
    }
    patch_embed_ = register_module("patch_embed", std::make_shared<PatchEmbed>(config.embed));
    auto scope = register_module("layers", std::make_shared<NameScope>());
    for (int stage = 0; stage < 4; ++stage)
      add_stage(*scope->register_module(std::to_string(stage), std::make_shared<NameScope>()), stage);
    for (const int stage : config.out_stages) {
      norms_.push_back(register_module("norm" + std::to_string(stage - 1),
                                       torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels(stage - 1)}))));
    }
    initialise();
    for (const auto& module : frozen_modules()) stop_gradients(*module);
  }

  std::vector<at::Tensor> forward(const at::Tensor& image) override {
    at::Tensor map = patch_embed_->forward(image);  // [B, H/4, W/4, C]
    std::vector<at::Tensor> outputs;
    for (int stage = 0; stage < config_.out_stages.back(); ++stage) {
      if (stage > 0) map = merges_[stage - 1]->forward(map);
      for (const auto& block : blocks_[stage]) map = block->forward(map);
      if (config_.out_stages[outputs.size()] == stage + 1) {
        outputs.push_back(norms_[outputs.size()]->forward(map).permute({0, 3, 1, 2}).contiguous());
      }
    }
    return outputs;
  }

  std::vector<std::int64_t> out_channels() const override {
    std::vector<std::int64_t> result;
    for (const int stage : config_.out_stages) result.push_back(channels(stage - 1));
    return result;
  }

  std::vector<std::int64_t> out_strides() const override {
    std::vector<std::int64_t> strides;
    for (const int stage : config_.out_stages) strides.push_back(2 << stage);
    return strides;
  }

  void train(bool on = true) override {
    Backbone::train(on);
    if (!on) return;
    for (const auto& module : frozen_modules()) module->eval();
  }

 private:
  std::int64_t channels(int stage) const { return config_.embed << stage; }

  void add_stage(torch::nn::Module& scope, int stage) {
    const int total = std::accumulate(config_.depths.begin(), config_.depths.end(), 0);
    const int before = std::accumulate(config_.depths.begin(), config_.depths.begin() + stage, 0);
    auto block_scope = scope.register_module("blocks", std::make_shared<NameScope>());
    for (int block = 0; block < config_.depths[stage]; ++block) {
      SwinBlock::Options options;
      options.channels = channels(stage);
      options.heads = config_.heads[stage];
      options.window = config_.window;
      options.shift = block % 2 == 0 ? 0 : config_.window / 2;
      options.mlp_ratio = config_.mlp_ratio;
      options.drop_path = total > 1 ? config_.drop_path * (before + block) / (total - 1) : 0.0;
      blocks_[stage].push_back(block_scope->register_module(std::to_string(block), std::make_shared<SwinBlock>(options)));
    }
    if (stage < 3) merges_.push_back(scope.register_module("downsample", std::make_shared<PatchMerging>(channels(stage))));
  }

  void initialise() {
    const torch::NoGradGuard no_grad;
    for (const auto& module : modules(/*include_self=*/false)) {
      if (auto* linear = module->as<torch::nn::LinearImpl>()) {
        torch::nn::init::normal_(linear->weight, 0.0, 0.02);
        if (linear->bias.defined()) torch::nn::init::zeros_(linear->bias);
      }
    }
  }

  std::vector<std::shared_ptr<torch::nn::Module>> frozen_modules() const {
    std::vector<std::shared_ptr<torch::nn::Module>> frozen;
    if (config_.frozen_stages >= 0) frozen.push_back(patch_embed_);
    const auto stages = named_children()["layers"]->children();
    for (int stage = 0; stage < std::min(config_.frozen_stages, 4); ++stage) frozen.push_back(stages[stage]);
    return frozen;
  }

  SwinConfig config_;
  std::shared_ptr<PatchEmbed> patch_embed_;
  std::array<std::vector<std::shared_ptr<SwinBlock>>, 4> blocks_;
  std::vector<std::shared_ptr<PatchMerging>> merges_;
  std::vector<torch::nn::LayerNorm> norms_;
};

}  // namespace

std::shared_ptr<Backbone> make_swin(const SwinConfig& config) { return std::make_shared<Swin>(config); }

}  // namespace vepe::model
