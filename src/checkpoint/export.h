#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/spatial_model.h"

namespace vepe::checkpoint {

// The tensors of a model under the names of the public PETR implementation, with what its own files hold besides
// (counters of batches, Swin's indices), so that its `load_state_dict(strict=True)` accepts them. Parameters that PETR
// does not have (dense proposals, keypoint scores, the small trunk) keep our names and are listed in `own_names`.
std::map<std::string, at::Tensor> public_state(const model::SpatialModel& model, std::vector<std::string>* own_names = nullptr);

enum class StateFormat { kTorch, kSafetensors };

// Writes such tensors as a .pth file or as safetensors, atomically. Throws Error(kOutput).
void write_state(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& state, StateFormat format);

}  // namespace vepe::checkpoint
