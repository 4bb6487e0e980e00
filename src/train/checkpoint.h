#pragma once

#include <filesystem>
#include <optional>

#include "model/tensor_io.h"
#include "train/optimizer.h"

namespace vepe::train {

// The state of a run is a folder `checkpoint` in the run's own: model (state_of all its parts), averaged weights, optimiser, and state.json (step
// and the recipe's text). It is written under another name and renamed, so a killed run leaves a whole one.
void save_checkpoint(const std::filesystem::path& run, const model::NamedTensors& model, const Ema& ema, const Optimizer& optimizer,
                     std::int64_t step, const std::string& recipe);

// Puts the state back and returns the step; nothing when the run has no checkpoint. Throws Error(kModel) when it does
// not fit, Error(kUsage) when the recipe is another one.
std::optional<std::int64_t> load_checkpoint(const std::filesystem::path& run, const model::NamedTensors& model, Ema& ema,
                                            Optimizer& optimizer, const std::string& recipe);

}  // namespace vepe::train
