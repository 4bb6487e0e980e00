#pragma once

#include <cstdint>

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace vepe::model {

// Self-attention inside windows of w x w tokens with a learned bias for each relative position.
class WindowAttention : public torch::nn::Module {
 public:
  WindowAttention(std::int64_t channels, int heads, int window);

  // tokens [windows, w*w, C]; mask [n, w*w, w*w], added to the logits of window i % n, or undefined.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& mask);

 private:
  std::int64_t heads_, window_;
  at::Tensor bias_table_;  // [(2w-1)^2, heads]
  at::Tensor bias_index_;  // [w*w * w*w] int64; follows from the window, so no file needs to hold it
  torch::nn::Linear qkv_{nullptr}, proj_{nullptr};
};

// Linear, exact GELU, Linear.
class SwinMlp : public torch::nn::Module {
 public:
  SwinMlp(std::int64_t channels, std::int64_t hidden);
  at::Tensor forward(const at::Tensor& tokens);

 private:
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr};
};

// One pre-norm block; `shift` rows and columns are rolled before the windows are cut.
class SwinBlock : public torch::nn::Module {
 public:
  struct Options {
    std::int64_t channels = 96;
    int heads = 3, window = 7, shift = 0;
    double mlp_ratio = 4.0, drop_path = 0.0;
  };
  explicit SwinBlock(const Options& options);

  at::Tensor forward(const at::Tensor& map);  // [B, H, W, C] -> the same

 private:
  at::Tensor attend(const at::Tensor& map);  // [B, H, W, C], normalised
  at::Tensor drop_path(const at::Tensor& branch) const;

  Options options_;
  torch::nn::LayerNorm norm1_{nullptr}, norm2_{nullptr};
  std::shared_ptr<WindowAttention> attn_;
  std::shared_ptr<SwinMlp> mlp_;
};

// Row of the bias table for each pair of tokens of one window: [w*w, w*w] int64, query x key.
at::Tensor relative_position_index(std::int64_t window);

// -100 between tokens of one shifted window that are no neighbours in the image, else 0: [windows, w*w, w*w].
// Height and width are multiples of the window.
at::Tensor shift_mask(std::int64_t height, std::int64_t width, std::int64_t window, std::int64_t shift);

}  // namespace vepe::model
