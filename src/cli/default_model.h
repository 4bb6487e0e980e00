#pragma once

#include <filesystem>

namespace vepe::cli {

// The threshold of a shown pose where the user gives none.
inline constexpr double kDefaultThreshold = 0.3;

// The shipped vepe-tiny: $VEPE_MODEL, or models/vepe-tiny.safetensors beside or above the program, or under
// ../share/vepe of it. Throws Error(kModel) when it is nowhere.
std::filesystem::path default_model();

}  // namespace vepe::cli
