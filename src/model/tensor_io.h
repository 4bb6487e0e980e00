#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/safetensors.h"

namespace vepe::model {

using NamedTensors = std::map<std::string, at::Tensor>;

// A tensor with memory of its own, of the view's type.
at::Tensor to_tensor(const TensorView& view);

// All tensors of a safetensors file. Throws Error(kInput).
NamedTensors read_tensors(const std::filesystem::path& path);

// Throws Error(kOutput).
void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace vepe::model
