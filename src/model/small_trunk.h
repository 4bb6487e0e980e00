#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "model/outputs.h"
#include "model/stages.h"

namespace vepe::model {

// The small pretrained network that `vepe-tiny` stands on: a MobileNetV2 of width 1.5 with its feature pyramid and
// dense heads (MoveNet MultiPose Lightning, Apache-2.0; see NOTICE). Batch normalisation is folded. Padding is
// TensorFlow's SAME: stride-2 convolutions pad 0 before and 1 after.
class SmallTrunk : public torch::nn::Module {
 public:
  explicit SmallTrunk(std::int64_t keypoints = 17);

  struct Features {
    std::map<std::string, Tensor> maps;  // p4, p8, p16, block2, block5, block9, block12, block16, last; fp32 or compute type
    DenseHeads dense;                    // fp32; filled when asked for
  };
  // image [B, 3, H, W] normalised to -1..1, H and W multiples of 32.
  Features forward(const Tensor& image, bool with_heads, Stages* stages = nullptr);

  // Convolutions run in this type (kFloat or kBFloat16); parameters stay as they are. `channels_last` inputs are made inside.
  void set_compute_type(torch::ScalarType type) { compute_type_ = type; }
  torch::ScalarType compute_type() const { return compute_type_; }
  // Converts the parameters and computes in bf16 for good; the last layer of each head stays fp32.
  void use_bfloat16();

  // Channels and stride of one of the maps above.
  static std::int64_t channels(const std::string& map);
  static std::int64_t stride(const std::string& map);

 private:
  class Impl;
  Tensor convolve(const torch::nn::Conv2d& conv, const Tensor& x, std::int64_t stride = 1) const;
  Tensor head(const std::string& name, const Tensor& p4);

  struct Block {
    torch::nn::Conv2d expand{nullptr}, depthwise{nullptr}, project{nullptr};
    std::int64_t stride = 1;
    bool residual = false;
  };
  struct Smooth {
    torch::nn::Conv2d depthwise{nullptr}, pointwise{nullptr};
  };
  struct Head {
    torch::nn::Conv2d depthwise{nullptr}, pointwise{nullptr}, out{nullptr};
  };
  Tensor run(const Block& block, const Tensor& x) const;
  Tensor run(const Smooth& smooth, const Tensor& x) const;

  torch::ScalarType compute_type_ = torch::kFloat;
  torch::nn::Conv2d stem_{nullptr}, last_{nullptr};
  std::vector<Block> blocks_;
  std::map<std::string, torch::nn::Conv2d> laterals_;
  std::map<std::string, Smooth> smooths_;
  std::map<std::string, Head> heads_;
};

}  // namespace vepe::model
