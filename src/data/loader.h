#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/augment.h"
#include "data/batch.h"
#include "data/config.h"
#include "data/epoch_plan.h"

namespace vepe::data {

// Opens every set; throws Error(kUsage) when their joints differ.
std::vector<WeightedDataset> open_datasets(const std::vector<DatasetConfig>& configs);

// Batches made by worker threads ahead of the training step. Batch number n is the same for the same seed at any number
// of workers, whether it was reached step by step or by `skip_to(n)`: the state of the loader is its step.
//
// An epoch takes `weight` of every set, shuffles, and groups pictures by orientation, so that little of a canvas is
// padding; all pictures of a batch are drawn at one long side. The last incomplete batch of an epoch is left out.
class Loader {
 public:
  enum class Mode { kTrain, kValidate };  // kValidate: one pass in fixed order, resized to long_sides[0] only

  // `augment.flip_order` may be empty: it is taken from the sets. Throws Error(kUsage) when the sets hold less
  // pictures than one batch, and what Dataset::check_track_ids throws for training clips.
  Loader(std::vector<WeightedDataset> datasets, AugmentConfig augment, LoaderConfig config, Mode mode = Mode::kTrain);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next batch; nothing at the end of a validation pass. An error of a worker (an unreadable picture) is thrown here,
  // at its step, and again on the next call.
  std::optional<Batch> next();

  std::int64_t batches_per_epoch() const;
  std::int64_t step() const;        // of the batch that `next` gives
  void skip_to(std::int64_t step);  // also backwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vepe::data
