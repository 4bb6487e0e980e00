#include "data/epoch_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/random.h"

namespace vepe::data {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f72646572;  // keeps shuffles apart from the draws of augmentation

template <typename T>
void shuffle(std::vector<T>& items, Random random) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
}

bool portrait(const std::vector<WeightedDataset>& sets, const PlanItem& item) {
  const video::Image& image = sets[item.dataset].dataset->labels(item.index).image;
  return image.height > image.width;
}

// Positions epoch * share .. + share of the endless sequence of shuffles of one set.
void take_share(const WeightedDataset& set, std::size_t number, std::uint64_t seed, std::int64_t epoch,
                std::vector<PlanItem>& items) {
  const auto size = static_cast<std::int64_t>(set.dataset->size());
  const std::int64_t share = epoch_share(set);
  std::vector<std::size_t> order(set.dataset->size());
  for (std::int64_t position = epoch * share, round = -1; position < (epoch + 1) * share; ++position) {
    if (position / size != round) {
      round = position / size;
      std::iota(order.begin(), order.end(), std::size_t{0});
      shuffle(order, Random(seed ^ kOrderStream, static_cast<std::uint64_t>(round), number + 1));
    }
    items.push_back({number, order[static_cast<std::size_t>(position % size)]});
  }
}

}  // namespace

std::int64_t epoch_share(const WeightedDataset& set) {
  if (set.weight <= 0) return 0;
  return std::max<std::int64_t>(1, std::llround(set.weight * static_cast<double>(set.dataset->size())));
}

std::vector<PlanBatch> training_plan(const std::vector<WeightedDataset>& sets, int batch, std::uint64_t seed, std::int64_t epoch) {
  std::vector<PlanItem> items;
  for (std::size_t i = 0; i < sets.size(); ++i) take_share(sets[i], i, seed, epoch, items);
  const auto stream = static_cast<std::uint64_t>(epoch);
  shuffle(items, Random(seed ^ kOrderStream, stream, 0));
  std::vector<PlanBatch> batches;
  std::array<PlanBatch, 2> open;
  const auto size = static_cast<std::size_t>(batch);
  const auto add = [&](PlanBatch& to, const PlanItem& item) {
    to.push_back(item);
    if (to.size() == size) batches.push_back(std::exchange(to, {}));
  };
  for (const PlanItem& item : items) add(open[portrait(sets, item) ? 1 : 0], item);
  PlanBatch mixed;  // what is left of both orientations
  for (const PlanBatch& rest : open) {
    for (const PlanItem& item : rest) add(mixed, item);
  }
  shuffle(batches, Random(seed ^ kOrderStream, stream, ~std::uint64_t{0}));
  return batches;
}

std::vector<PlanBatch> validation_plan(const std::vector<WeightedDataset>& sets, int batch) {
  std::vector<PlanItem> items;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (std::size_t index = 0; index < sets[i].dataset->size(); ++index) items.push_back({i, index});
  }
  std::stable_partition(items.begin(), items.end(), [&](const PlanItem& item) { return !portrait(sets, item); });
  std::vector<PlanBatch> batches;
  for (const PlanItem& item : items) {
    if (batches.empty() || batches.back().size() == static_cast<std::size_t>(batch)) batches.emplace_back();
    batches.back().push_back(item);
  }
  return batches;
}

}  // namespace vepe::data
