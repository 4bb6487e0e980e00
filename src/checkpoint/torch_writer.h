#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/safetensors.h"

namespace vepe::checkpoint {

// Writes a state dict as torch.save does (zip form, protocol 2, each storage aligned to 64 bytes), atomically:
// `torch.load(path)` gives an OrderedDict of tensors, in the order of their names. Throws Error(kOutput) when the
// file cannot be written or would pass 4 GiB.
void write_torch_file(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors);

}  // namespace vepe::checkpoint
