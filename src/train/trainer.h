#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/progress.h"
#include "train/recipe.h"

namespace vepe::train {

class ClipCache;

struct TrainOptions {
  std::filesystem::path run;  // folder of the run: checkpoint/, metrics.jsonl, recipe.toml, model.safetensors
  bool resume = false;        // go on where the run's checkpoint is; otherwise the folder must not hold one
  ProgressStyle progress = ProgressStyle::kNone;
  std::shared_ptr<ClipCache> cache;  // of the same spatial phase, data and seed, shared by runs; filled by the first; may be null
  std::int64_t stop_after = 0;       // optimiser steps of this call; 0: to the end of the schedule (for tests and time slots)
};

struct TrainResult {
  std::int64_t step = 0;  // optimiser steps done in all
  bool finished = false;  // false when interrupted
  double last_loss = 0;
};

// Trains as the recipe says. Writes one JSON line per optimiser step to `metrics.jsonl`, a checkpoint at intervals,
// on interruption and at the end, and `model.safetensors` (averaged weights, fp16) at the end of the schedule. A resumed run
// gives the losses of one that was never stopped, to the last bit at one thread.
// Throws Error: kUsage for the recipe, kInput for data, kModel for weights, kOutput for the run folder.
TrainResult train(const Recipe& recipe, const TrainOptions& options);

}  // namespace vepe::train
