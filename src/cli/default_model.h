#pragma once

#include <filesystem>

namespace vepe::cli {

// The shipped vepe-tiny: $VEPE_MODEL, or models/vepe-tiny.safetensors beside or above the program, or under
// ../share/vepe of it. Throws Error(kModel) when it is nowhere.
std::filesystem::path default_model();

}  // namespace vepe::cli
