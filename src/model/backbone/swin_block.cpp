#include "model/backbone/swin_block.h"

#include <cmath>
#include <vector>

#include <torch/nn/functional/padding.h>
#include <torch/nn/init.h>
#include <torch/types.h>

namespace vepe::model {
namespace {

constexpr double kLayerNormEps = 1e-5;
constexpr float kApart = -100.0F;  // the original's finite "minus infinity"

torch::nn::LayerNorm layer_norm(std::int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}).eps(kLayerNormEps));
}

// [B, H, W, C] <-> [B * windows, w*w, C], windows row by row.
at::Tensor cut_windows(const at::Tensor& map, std::int64_t w) {
  const auto B = map.size(0), H = map.size(1), W = map.size(2), C = map.size(3);
  return map.view({B, H / w, w, W / w, w, C}).permute({0, 1, 3, 2, 4, 5}).reshape({-1, w * w, C});
}

at::Tensor join_windows(const at::Tensor& windows, std::int64_t w, std::int64_t B, std::int64_t H, std::int64_t W) {
  return windows.view({B, H / w, W / w, w, w, -1}).permute({0, 1, 3, 2, 4, 5}).reshape({B, H, W, -1});
}

}  // namespace

at::Tensor relative_position_index(std::int64_t window) {
  const std::int64_t tokens = window * window;
  at::Tensor index = torch::empty({tokens, tokens}, torch::kLong);
  auto cell = index.accessor<std::int64_t, 2>();
  for (std::int64_t p = 0; p < tokens; ++p) {
    for (std::int64_t q = 0; q < tokens; ++q) {
      const std::int64_t rows = p / window - q / window + window - 1, columns = p % window - q % window + window - 1;
      cell[p][q] = rows * (2 * window - 1) + columns;
    }
  }
  return index;
}

at::Tensor shift_mask(std::int64_t height, std::int64_t width, std::int64_t window, std::int64_t shift) {
  // Three bands an axis: untouched windows, the far side of the last window, and what was rolled in.
  const auto bands = [&](std::int64_t size) {
    const at::Tensor position = torch::arange(size);
    return (position >= size - window).to(torch::kFloat) + (position >= size - shift).to(torch::kFloat);
  };
  const at::Tensor label = bands(height).view({-1, 1}) * 3 + bands(width).view({1, -1});
  const at::Tensor windows = cut_windows(label.view({1, height, width, 1}), window).squeeze(-1);  // [windows, w*w]
  return (windows.unsqueeze(1) != windows.unsqueeze(2)).to(torch::kFloat) * kApart;
}

WindowAttention::WindowAttention(std::int64_t channels, int heads, int window) : heads_(heads), window_(window) {
  const std::int64_t span = 2 * window_ - 1;
  bias_table_ = register_parameter("relative_position_bias_table", torch::zeros({span * span, heads_}));
  torch::nn::init::normal_(bias_table_, 0.0, 0.02);
  bias_index_ = relative_position_index(window_).view(-1);
  qkv_ = register_module("qkv", torch::nn::Linear(channels, 3 * channels));
  proj_ = register_module("proj", torch::nn::Linear(channels, channels));
}

at::Tensor WindowAttention::forward(const at::Tensor& tokens, const at::Tensor& mask) {
  const auto B = tokens.size(0), N = tokens.size(1), C = tokens.size(2), D = C / heads_;
  const auto qkv = qkv_->forward(tokens).view({B, N, 3, heads_, D}).permute({2, 0, 3, 1, 4});  // [3, B, M, N, D]
  const at::Tensor query = qkv[0] * (1.0 / std::sqrt(static_cast<double>(D)));
  at::Tensor logits = query.matmul(qkv[1].transpose(-2, -1));  // [B, M, N, N]
  const at::Tensor bias = bias_table_.index_select(0, bias_index_.to(bias_table_.device())).view({N, N, heads_}).permute({2, 0, 1});
  logits = logits + bias.unsqueeze(0);
  if (mask.defined()) {
    const auto windows = mask.size(0);
    logits = logits.view({B / windows, windows, heads_, N, N}) + mask.to(logits.dtype()).view({1, windows, 1, N, N});
    logits = logits.view({B, heads_, N, N});
  }
  const at::Tensor mixed = logits.softmax(-1).matmul(qkv[2]);  // [B, M, N, D]
  return proj_->forward(mixed.transpose(1, 2).reshape({B, N, C}));
}

SwinMlp::SwinMlp(std::int64_t channels, std::int64_t hidden) {
  fc1_ = register_module("fc1", torch::nn::Linear(channels, hidden));
  fc2_ = register_module("fc2", torch::nn::Linear(hidden, channels));
}

at::Tensor SwinMlp::forward(const at::Tensor& tokens) { return fc2_->forward(torch::gelu(fc1_->forward(tokens))); }

SwinBlock::SwinBlock(const Options& options) : options_(options) {
  norm1_ = register_module("norm1", layer_norm(options.channels));
  attn_ = register_module("attn", std::make_shared<WindowAttention>(options.channels, options.heads, options.window));
  norm2_ = register_module("norm2", layer_norm(options.channels));
  const auto hidden = static_cast<std::int64_t>(static_cast<double>(options.channels) * options.mlp_ratio);
  mlp_ = register_module("mlp", std::make_shared<SwinMlp>(options.channels, hidden));
}

at::Tensor SwinBlock::forward(const at::Tensor& map) {
  const at::Tensor attended = map + drop_path(attend(norm1_->forward(map)));
  return attended + drop_path(mlp_->forward(norm2_->forward(attended)));
}

at::Tensor SwinBlock::attend(const at::Tensor& map) {
  namespace F = torch::nn::functional;
  const auto B = map.size(0), H = map.size(1), W = map.size(2);
  const std::int64_t w = options_.window, shift = options_.shift;
  const std::int64_t right = (w - W % w) % w, bottom = (w - H % w) % w;
  // The padding takes part in the attention, with key and value equal to the bias: no mask for it.
  at::Tensor padded = right || bottom ? F::pad(map, F::PadFuncOptions({0, 0, 0, right, 0, bottom})) : map;
  const auto Hp = H + bottom, Wp = W + right;
  at::Tensor mask;
  if (shift > 0) {
    padded = padded.roll({-shift, -shift}, {1, 2});
    mask = shift_mask(Hp, Wp, w, shift).to(map.device());
  }
  at::Tensor result = join_windows(attn_->forward(cut_windows(padded.contiguous(), w), mask), w, B, Hp, Wp);
  if (shift > 0) result = result.roll({shift, shift}, {1, 2});
  return result.slice(1, 0, H).slice(2, 0, W);
}

// Stochastic depth: leaves the branch out for some samples of a batch, and makes up for it in the others.
at::Tensor SwinBlock::drop_path(const at::Tensor& branch) const {
  if (!is_training() || options_.drop_path == 0.0) return branch;
  const double keep = 1.0 - options_.drop_path;
  return branch * torch::empty({branch.size(0), 1, 1, 1}, branch.options()).bernoulli_(keep).div_(keep);
}

}  // namespace vepe::model
