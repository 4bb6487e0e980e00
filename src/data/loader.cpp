#include "data/loader.h"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/random.h"
#include "data/clips.h"

namespace vepe::data {
namespace {

std::vector<std::string> joints_of(const std::vector<WeightedDataset>& sets) {
  for (const WeightedDataset& set : sets) {
    if (!set.dataset->keypoint_names().empty()) return set.dataset->keypoint_names();
  }
  return {};
}

void check_config(const LoaderConfig& config, const AugmentConfig& augment) {
  if (config.batch < 1 || config.pad_multiple < 1 || config.workers < 0 || config.queue < 1 || config.world < 1 ||
      config.rank < 0 || config.rank >= config.world || augment.long_sides.empty()) {
    throw Error(ErrorCode::kUsage, "loader", "batch, pad_multiple, queue, world, rank or long_sides is out of range",
                "use positive numbers");
  }
  if (config.clip.frames > 1 && augment.mosaic > 0)
    throw Error(ErrorCode::kUsage, "loader", "a mosaic cannot be made of clips", "set mosaic = 0");
}

}  // namespace

std::vector<WeightedDataset> open_datasets(const std::vector<DatasetConfig>& configs) {
  std::vector<WeightedDataset> sets;
  for (const DatasetConfig& config : configs) sets.push_back({std::make_shared<const Dataset>(config), config.weight});
  const std::vector<std::string> joints = joints_of(sets);
  for (const WeightedDataset& set : sets) {
    if (!set.dataset->keypoint_names().empty() && set.dataset->keypoint_names() != joints) {
      throw Error(ErrorCode::kUsage, set.dataset->name(), "has other joints than the sets before it",
                  "train on sets of one joint order");
    }
  }
  return sets;
}

struct Loader::State {
  std::vector<WeightedDataset> sets;
  AugmentConfig augment;
  LoaderConfig config;
  Mode mode;
  std::int64_t per_epoch = 0;

  std::mutex mutex;
  std::condition_variable work, ready;
  std::map<std::int64_t, std::shared_ptr<const std::vector<PlanBatch>>> plans;  // by epoch
  struct Result {
    Batch batch;
    std::exception_ptr error;
  };
  std::map<std::int64_t, Result> results;  // by step
  std::int64_t next_out = 0, next_claim = 0;
  std::uint64_t generation = 0;  // changes when `skip_to` makes running work worthless
  bool stop = false;
  std::vector<std::thread> threads;

  bool training() const { return mode == Mode::kTrain; }
  bool finished(std::int64_t step) const { return !training() && step >= per_epoch; }

  std::shared_ptr<const std::vector<PlanBatch>> plan(std::int64_t epoch) {
    std::lock_guard lock(mutex);
    auto& known = plans[epoch];
    if (!known) {
      known = std::make_shared<const std::vector<PlanBatch>>(training() ? training_plan(sets, config.batch, config.seed, epoch)
                                                                        : validation_plan(sets, config.batch));
      while (plans.size() > 2 && plans.begin()->first < epoch) plans.erase(plans.begin());
    }
    return plans.at(epoch);
  }

  Sample load(const PlanItem& item) const { return sets[item.dataset].dataset->load(item.index); }

  PlanItem any_of(std::size_t dataset, Random& random) const {
    return {dataset, static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(sets[dataset].dataset->size()) - 1))};
  }

  // A training picture. When a picture with people has lost all of them another one of its set is taken.
  Sample make_sample(PlanItem item, Random random, int long_side) const {
    constexpr int kAttempts = 10;
    Sample sample;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      Sample source = load(item);
      if (augment.background > 0 && random.chance(augment.background)) {
        if (auto part = background_part(source, random)) source = std::move(*part);
      }
      const bool had_people = !source.people.empty();
      if (random.chance(augment.mosaic)) {
        std::array<Sample, 3> others;
        for (Sample& other : others)
          other = load(any_of(random.chance(0.5)
                                  ? item.dataset
                                  : static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(sets.size()) - 1)),
                              random));
        sample = mosaic({&source, &others[0], &others[1], &others[2]}, augment, random, long_side);
      } else {
        sample = apply_augment(source, draw_augment(augment, random, long_side));
      }
      if (!had_people || !sample.people.empty()) break;
      item = any_of(item.dataset, random);
    }
    return sample;
  }

  // T frames under one draw. Still pictures are moved by a virtual camera in training.
  std::vector<Sample> make_clip(PlanItem item, Random random, int long_side) const {
    constexpr int kAttempts = 10;
    ClipConfig shape = config.clip;
    if (training()) shape.stride = draw_stride(shape, random);
    const std::vector<int> offsets = clip_offsets(shape);
    std::vector<Sample> clip;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Dataset& set = *sets[item.dataset].dataset;
      const std::vector<Sample> frames = set.load_clip(item.index, offsets);
      const AugmentParams params = draw_augment(augment, random, long_side);
      const std::vector<Camera> path = draw_camera_path(config.clip, random);
      clip = apply_augment(frames, params, set.is_video(item.index) || !training() ? std::vector<Camera>{} : path);
      const auto key = static_cast<std::size_t>(config.clip.key());
      if (!training() || frames[key].people.empty() || !clip[key].people.empty()) break;
      item = any_of(item.dataset, random);
    }
    return clip;
  }

  std::vector<Sample> make_samples(const PlanItem& item, Random random, int long_side) const {
    if (config.clip.frames > 1) return make_clip(item, random, long_side);
    if (training()) return {make_sample(item, random, long_side)};
    return {apply_augment(load(item), draw_augment(augment, random, long_side))};
  }

  Batch make(std::int64_t step) {
    const std::int64_t epoch = step / per_epoch, number = step % per_epoch;
    const std::int64_t global = training() ? number * config.world + config.rank : number;
    const auto batches = plan(epoch);
    const PlanBatch& items = (*batches)[static_cast<std::size_t>(global)];
    // Even streams belong to batches, odd ones to pictures; neither depends on who makes the batch.
    const auto position = static_cast<std::uint64_t>(global) * static_cast<std::uint64_t>(config.batch);
    Random batch_random(config.seed, static_cast<std::uint64_t>(epoch), 2 * position);
    const int long_side = training() ? draw_long_side(augment, batch_random) : augment.long_sides.front();
    std::vector<Sample> samples;
    for (std::size_t i = 0; i < items.size(); ++i) {
      Random random(config.seed, static_cast<std::uint64_t>(epoch), 2 * (position + i) + 1);
      for (Sample& sample : make_samples(items[i], random, long_side)) samples.push_back(std::move(sample));
    }
    Batch batch = collate(std::move(samples), config.pad_multiple);
    batch.step = step;
    batch.epoch = epoch;
    batch.frames = config.clip.frames, batch.key = config.clip.key();
    return batch;
  }

  Result try_make(std::int64_t step) {
    try {
      return {make(step), nullptr};
    } catch (...) {
      return {{}, std::current_exception()};
    }
  }

  void run_worker() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return stop || (next_claim < next_out + config.queue && !finished(next_claim)); });
      if (stop) return;
      const std::int64_t step = next_claim++;
      const std::uint64_t mine = generation;
      lock.unlock();
      Result result = try_make(step);
      lock.lock();
      if (mine == generation) {
        results.insert_or_assign(step, std::move(result));
        ready.notify_all();
      }
    }
  }

  void start() {
    if (!threads.empty()) return;
    for (int i = 0; i < config.workers; ++i) threads.emplace_back([this] { run_worker(); });
  }
};

Loader::Loader(std::vector<WeightedDataset> datasets, AugmentConfig augment, LoaderConfig config, Mode mode)
    : state_(std::make_unique<State>()) {
  check_config(config, augment);
  state_->sets = std::move(datasets);
  state_->augment = std::move(augment);
  state_->config = config;
  state_->mode = mode;
  for (const WeightedDataset& set : state_->sets) {
    if (config.clip.frames > 1 && mode == Mode::kTrain) set.dataset->check_track_ids();
  }
  if (state_->augment.flip_order.empty()) state_->augment.flip_order = flip_order(joints_of(state_->sets));
  if (mode == Mode::kValidate) state_->augment.policy = "none";
  std::int64_t pictures = 0;
  for (const WeightedDataset& set : state_->sets) {
    pictures += mode == Mode::kTrain ? epoch_share(set) : static_cast<std::int64_t>(set.dataset->size());
  }
  const std::int64_t batch = config.batch;
  state_->per_epoch = mode == Mode::kTrain ? pictures / batch / config.world : (pictures + batch - 1) / batch;
  if (state_->per_epoch == 0) {
    throw Error(ErrorCode::kUsage, "loader",
                fmt::format("an epoch has {} pictures, less than a batch of {} on {} processes", pictures, batch, config.world),
                "use a smaller batch, more pictures or a larger weight");
  }
}

Loader::~Loader() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->work.notify_all();
  }
  for (std::thread& thread : state_->threads) thread.join();
}

std::optional<Batch> Loader::next() {
  State& state = *state_;
  if (state.finished(state.next_out)) return std::nullopt;
  if (state.config.workers == 0) {
    Batch batch = state.make(state.next_out);
    ++state.next_out;
    return batch;
  }
  state.start();
  std::unique_lock lock(state.mutex);
  state.ready.wait(lock, [&] { return state.results.contains(state.next_out); });
  auto found = state.results.find(state.next_out);
  if (found->second.error) std::rethrow_exception(found->second.error);
  Batch batch = std::move(found->second.batch);
  state.results.erase(found);
  ++state.next_out;
  state.work.notify_all();
  return batch;
}

std::int64_t Loader::batches_per_epoch() const { return state_->per_epoch; }

std::int64_t Loader::step() const { return state_->next_out; }

void Loader::skip_to(std::int64_t step) {
  if (step < 0) throw Error(ErrorCode::kUsage, "loader", "cannot go to step " + std::to_string(step), "use a step from 0 on");
  std::lock_guard lock(state_->mutex);
  ++state_->generation;
  state_->results.clear();
  state_->next_out = state_->next_claim = step;
  state_->work.notify_all();
}

}  // namespace vepe::data
