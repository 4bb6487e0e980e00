#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace vepe::data {

struct WeightedDataset {
  std::shared_ptr<const Dataset> dataset;
  double weight = 1;
};

struct PlanItem {
  std::size_t dataset = 0, index = 0;
};

// The pictures of one batch.
using PlanBatch = std::vector<PlanItem>;

// Pictures that an epoch takes of a set: `weight` of it, rounded, at least one for a positive weight.
std::int64_t epoch_share(const WeightedDataset& set);

// The shuffled batches of an epoch, all of `batch` pictures, grouped by orientation; pictures that do not fill a batch are
// left out. With a weight that is no whole number the epochs run on through one sequence of shuffles, so that every
// picture comes equally often.
std::vector<PlanBatch> training_plan(const std::vector<WeightedDataset>& sets, int batch, std::uint64_t seed, std::int64_t epoch);

// Every picture once, landscape first; the last batch may be smaller. Weights do not count.
std::vector<PlanBatch> validation_plan(const std::vector<WeightedDataset>& sets, int batch);

}  // namespace vepe::data
