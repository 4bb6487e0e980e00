#include "checkpoint/backbone_names.h"

#include <ATen/ops/stack.h>
#include <algorithm>
#include <array>
#include <utility>

#include "checkpoint/name_map.h"

namespace vepe::checkpoint {
namespace {

using Rename = std::pair<std::string_view, std::string_view>;  // ours, OpenMMLab's
constexpr std::array kSwinMmRenames = {
    Rename{"patch_embed.proj.", "patch_embed.projection."},
    Rename{".attn.", ".attn.w_msa."},
    Rename{".mlp.fc1.", ".ffn.layers.0.0."},
    Rename{".mlp.fc2.", ".ffn.layers.1."},
};

void replace_first(std::string& name, std::string_view from, std::string_view to) {
  const std::size_t at = name.find(from);
  if (at != name.npos) name.replace(at, from.size(), to);
}

// "layers.3.downsample.x" <-> "layers.2.downsample.x"
std::string shift_downsample(const std::string& name, int by) {
  constexpr std::string_view kStart = "layers.";
  const bool fits =
      name.starts_with(kStart) && name.size() > kStart.size() + 1 && name.substr(kStart.size() + 1).starts_with(".downsample.");
  if (!fits) return name;
  std::string result = name;
  result[kStart.size()] = static_cast<char>(result[kStart.size()] + by);
  return result;
}

const TorchTensor* find(const TensorMap& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? nullptr : &found->second;
}

std::optional<BackboneGuess> guess_resnet(const TensorMap& names, int stem) {
  const int blocks = count_children(names, "layer3.");
  const bool bottleneck = names.count("layer1.0.conv3.weight") != 0;
  BackboneGuess guess;
  guess.base_channels = stem;
  if (bottleneck) {
    if (blocks != 6 && blocks != 23) return std::nullopt;
    guess.type = blocks == 6 ? "resnet50" : "resnet101";
  } else {
    if (blocks != 2 && blocks != 6) return std::nullopt;
    guess.type = blocks == 2 ? "resnet18" : "resnet34";
  }
  return guess;
}

constexpr std::int64_t kTokens = 4;
// Place in the official order of OpenMMLab's k-th token; its own inverse.
constexpr std::array<std::int64_t, 4> kTokenOrder = {0, 2, 1, 3};

}  // namespace

BackboneNaming detect_naming(const TensorMap& names) {
  if (names.lower_bound("stages.") != names.end() && names.lower_bound("stages.")->first.starts_with("stages."))
    return BackboneNaming::kSwinMm;
  if (names.count("layers.3.downsample.reduction.weight")) return BackboneNaming::kSwinTimm;
  return BackboneNaming::kPlain;
}

std::string backbone_name_from_public(const std::string& name, BackboneNaming naming) {
  if (naming == BackboneNaming::kSwinTimm) return shift_downsample(name, -1);
  std::string result = name;
  if (naming == BackboneNaming::kSwinMm) {
    if (result.starts_with("stages.")) result.replace(0, 7, "layers.");
    for (const auto& [ours, theirs] : kSwinMmRenames) replace_first(result, theirs, ours);
  }
  return result;
}

std::string public_name_from_backbone(const std::string& name, BackboneNaming naming) {
  if (naming == BackboneNaming::kSwinTimm) return shift_downsample(name, +1);
  std::string result = name;
  if (naming == BackboneNaming::kSwinMm) {
    if (result.starts_with("layers.")) result.replace(0, 7, "stages.");
    for (const auto& [ours, theirs] : kSwinMmRenames) replace_first(result, ours, theirs);
  }
  return result;
}

std::optional<BackboneGuess> guess_backbone(const TensorMap& names) {
  const TorchTensor* conv1 = find(names, "conv1.weight");
  if (const TorchTensor* transition = find(names, "transition1.0.0.weight"); transition && transition->shape.size() == 4) {
    if (transition->shape[0] == 32 || transition->shape[0] == 48)
      return BackboneGuess{"hrnet_w" + std::to_string(transition->shape[0])};
    return std::nullopt;
  }
  if (conv1 && conv1->shape.size() == 4 && conv1->shape[2] == 7 && conv1->shape[0] <= 256) {
    return guess_resnet(names, static_cast<int>(conv1->shape[0]));
  }
  for (const char* projection : {"patch_embed.proj.weight", "patch_embed.projection.weight"}) {
    const TorchTensor* patches = find(names, projection);
    if (patches && patches->shape == std::vector<std::int64_t>{192, 3, 4, 4}) return BackboneGuess{"swin_l"};
  }
  return std::nullopt;
}

bool merges_patches(const std::string& our_name) {
  return our_name.starts_with("layers.") && our_name.find(".downsample.") != our_name.npos;
}

// new[..., p(k) * C + c] = old[..., c * 4 + k]
at::Tensor official_from_mm_order(const at::Tensor& tensor) {
  const at::Tensor tokens = tensor.unflatten(-1, {-1, kTokens});  // [..., C, 4]
  std::vector<at::Tensor> blocks;
  for (const std::int64_t k : kTokenOrder) blocks.push_back(tokens.select(-1, k));
  return at::stack(blocks, -2).flatten(-2);
}

at::Tensor mm_from_official_order(const at::Tensor& tensor) {
  const at::Tensor blocks = tensor.unflatten(-1, {kTokens, -1});  // [..., 4, C]
  std::vector<at::Tensor> tokens;
  for (const std::int64_t k : kTokenOrder) tokens.push_back(blocks.select(-2, k));
  return at::stack(tokens, -1).flatten(-2);
}

bool is_harmless_extra(const std::string& name) {
  constexpr std::string_view kEnds[] = {"num_batches_tracked", "relative_position_index", "attn_mask"};
  constexpr std::string_view kStarts[] = {"fc.",          "head.", "classifier.", "incre_modules.", "downsamp_modules.",
                                          "final_layer.", "norm.", "ema_"};
  return std::any_of(std::begin(kEnds), std::end(kEnds), [&](std::string_view end) { return name.ends_with(end); }) ||
         std::any_of(std::begin(kStarts), std::end(kStarts), [&](std::string_view start) { return name.starts_with(start); });
}

}  // namespace vepe::checkpoint
