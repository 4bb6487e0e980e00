#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "checkpoint/torch_file.h"

namespace vepe::checkpoint {

// Before the names of the backbone in ours and in OpenMMLab's detectors.
inline constexpr std::string_view kBackbonePrefix = "backbone.";

using TensorMap = std::map<std::string, TorchTensor>;

// The ways in which public projects name a backbone.
enum class BackboneNaming {
  kPlain,     // ResNet (torchvision, timm, OpenMMLab), HRNet (its authors, OpenMMLab, timm), official Swin: as ours
  kSwinMm,    // OpenMMLab's Swin: other names, and another channel order in patch merging
  kSwinTimm,  // newer timm: patch merging stands at the start of the stage after it
};

// `names` without the prefix of the backbone.
BackboneNaming detect_naming(const TensorMap& names);

// Our name of a public one. A name that is ours already is returned unchanged.
std::string backbone_name_from_public(const std::string& name, BackboneNaming naming);
std::string public_name_from_backbone(const std::string& name, BackboneNaming naming);

// The type that ModelConfig names, from names and shapes ("resnet50", "hrnet_w48", "swin_l"); nothing when the tensors are
// no backbone that this program has. `base_channels` is the width of a ResNet's stem.
struct BackboneGuess {
  std::string type;
  int base_channels = 64;
};
std::optional<BackboneGuess> guess_backbone(const TensorMap& names);

// True for the tensors of patch merging, whose channels OpenMMLab orders otherwise.
bool merges_patches(const std::string& our_name);
// Last axis [4C] from OpenMMLab's order (channel by channel, four tokens each: (0,0), (0,1), (1,0), (1,1)) to the
// official one (four blocks of C: (0,0), (1,0), (0,1), (1,1)), and back.
at::Tensor official_from_mm_order(const at::Tensor& tensor);
at::Tensor mm_from_official_order(const at::Tensor& tensor);

// Entries that a backbone or detector has no use for: classifiers, counters of batches, masks and indices that follow
// from the sizes, copies that an averaging hook keeps.
bool is_harmless_extra(const std::string& name);

}  // namespace vepe::checkpoint
