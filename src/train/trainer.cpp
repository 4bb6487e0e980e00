#include "train/trainer.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "data/loader.h"
#include "formats/joints.h"
#include "train/checkpoint.h"
#include "train/clip_cache.h"
#include "train/evaluate.h"
#include "train/metrics_log.h"
#include "train/objective.h"
#include "train/optimizer.h"

namespace vepe::train {
namespace {

constexpr int kBadStepsAllowed = 20;  // gradients that are not finite, in a row

// Clips of a temporal or joint stage are those of the model's windows.
data::LoaderConfig loader_config(const Recipe& recipe, const model::ModelConfig& model) {
  data::LoaderConfig config = recipe.loader;
  if (!model.temporal.enabled) {
    if (config.clip.frames != 1) {
      throw Error(ErrorCode::kUsage, "data.loader.clip.frames", "the spatial stage trains on single pictures",
                  "remove it, or set stage = \"temporal\"");
    }
    return config;
  }
  if (config.clip.frames == 1) config.clip.frames = model.temporal.frames, config.clip.window = model.temporal.window;
  if (config.clip.frames != model.temporal.frames || config.clip.window != model.temporal.window) {
    throw Error(ErrorCode::kUsage, "data.loader.clip",
                fmt::format("{} frames, {}, do not fit the model's {}, {}", config.clip.frames, config.clip.window,
                            model.temporal.frames, model.temporal.window),
                "remove frames and window, they follow the model");
  }
  return config;
}

std::vector<data::WeightedDataset> open_training_sets(const Recipe& recipe, const model::ModelConfig& model) {
  const formats::JointSet* joints = formats::find_joint_set(model.keypoints);
  std::vector<data::WeightedDataset> sets = data::open_datasets(recipe.datasets);
  for (const data::WeightedDataset& set : sets) {
    const auto& names = set.dataset->keypoint_names();
    if (!names.empty() && formats::find_joint_set(std::span<const std::string>(names)) != joints) {
      throw Error(ErrorCode::kUsage, set.dataset->name(), "has other joints than the model's " + model.keypoints,
                  "set joints = \"" + model.keypoints + "\" for this set");
    }
  }
  return sets;
}

class Run {
 public:
  Run(const Recipe& recipe, const TrainOptions& options)
      : recipe_(recipe), options_(options), network_(make_network(recipe)), objective_(recipe_, network_) {
    optimizer_ = std::make_unique<Optimizer>(trained_parameters(network_, recipe.stage), recipe.optimizer);
    ema_ = std::make_unique<Ema>(trained_state(network_, recipe.stage), recipe.ema);
    loader_ = std::make_unique<data::Loader>(open_training_sets(recipe, network_.config), recipe.augment,
                                             loader_config(recipe, network_.config));
    if (recipe.schedule.epochs > 0) {
      recipe_.schedule.steps =
          std::max<std::int64_t>(1, recipe.schedule.epochs * loader_->batches_per_epoch() / recipe.optimizer.accumulate);
    }
    if (recipe.validation.enabled) validation_ = std::make_shared<data::Dataset>(recipe.validation.dataset);
  }

  TrainResult operator()() {
    make_output_folder(options_.run);
    std::int64_t step = begin();
    if (recipe_.cache_clips > 0) fill_cache();
    const std::int64_t last =
        options_.stop_after > 0 ? std::min(recipe_.schedule.steps, step + options_.stop_after) : recipe_.schedule.steps;
    MetricsLog log(options_.run / "metrics.jsonl", step);
    Progress progress(options_.progress, "training", "steps", recipe_.schedule.steps, step);
    TrainResult result;
    while (step < last && !interrupted()) {
      result.last_loss = one_step(step, log, progress);
      ++step;
      if (validation_ && (step % recipe_.validation.every == 0 || step == recipe_.schedule.steps)) validate(step, log);
      if (step % recipe_.checkpoint_every == 0) save(step);
    }
    save(step);
    result.step = step;
    result.finished = step >= recipe_.schedule.steps;
    if (result.finished) export_model(step);
    return result;
  }

 private:
  std::int64_t begin() {
    if (!options_.resume && std::filesystem::exists(options_.run / "checkpoint")) {
      throw Error(ErrorCode::kUsage, options_.run.string(), "already holds a run",
                  "pass --resume to go on, or choose another folder");
    }
    if (!options_.resume) {
      write_file_atomically(options_.run / "recipe.toml", recipe_.text);
      std::filesystem::remove(options_.run / "metrics.jsonl");
      return 0;
    }
    const auto step = load_checkpoint(options_.run, network_.state(), *ema_, *optimizer_, recipe_.text);
    if (!step) throw Error(ErrorCode::kUsage, options_.run.string(), "holds no checkpoint to resume", "start without --resume");
    loader_->skip_to(*step * recipe_.optimizer.accumulate);
    return *step;
  }

  double one_step(std::int64_t step, MetricsLog& log, Progress& progress) {
    const auto start = std::chrono::steady_clock::now();
    std::map<std::string, double> sums;
    std::int64_t images = 0;
    for (int part = 0; part < recipe_.optimizer.accumulate; ++part)
      images += accumulate(step, step * recipe_.optimizer.accumulate + part, sums);
    const double factor = schedule_factor(recipe_.schedule, step);
    const double norm = optimizer_->step(factor);
    if (std::isfinite(norm)) {
      bad_steps_ = 0;
      ema_->update();
    } else if (++bad_steps_ >= kBadStepsAllowed) {
      throw Error(ErrorCode::kCheckFailed, fmt::format("step {}", step), "the gradient has not been finite for many steps",
                  "lower optimizer.lr or optimizer.clip and resume from the checkpoint");
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::json line = {
        {"step", step + 1}, {"lr", recipe_.optimizer.lr * factor}, {"grad_norm", norm}, {"images", images}, {"seconds", seconds}};
    for (const auto& [name, value] : sums) line["loss"][name] = value;
    log.write(line);
    progress.update(step + 1, fmt::format("loss {:.3f}, {:.1f} images/s", sums["total"], static_cast<double>(images) / seconds));
    return sums["total"];
  }

  // Adds the gradients of batch `number`; returns its frames.
  std::int64_t accumulate(std::int64_t step, std::int64_t number, std::map<std::string, double>& sums) {
    const bool from_ids = static_cast<double>(step) < recipe_.mask_ids_share * static_cast<double>(recipe_.schedule.steps);
    const auto mask = from_ids ? model::MaskSource::kTrackIds : model::MaskSource::kEmbeddings;
    std::optional<data::Batch> batch;
    std::vector<SpatialClip> clips;
    std::int64_t frames = 0;
    if (cache_) {
      clips = cache_->batch(number, recipe_.loader.batch);
      for (const SpatialClip& clip : clips) frames += static_cast<std::int64_t>(clip.targets.size());
    } else {
      batch = loader_->next();
      if (!batch) throw Error(ErrorCode::kInput, "data", "the training sets ran dry");
      frames = static_cast<std::int64_t>(batch->samples.size());
    }
    // Dropout is drawn from the step's own stream, so a resumed run repeats it.
    torch::manual_seed(recipe_.seed * 1000003 + static_cast<std::uint64_t>(number));
    const loss::LossTerms terms = cache_ ? objective_(clips, mask) : objective_(*batch, mask);
    const double share = 1.0 / recipe_.optimizer.accumulate;
    (terms.total * share).backward();
    for (const auto& [name, value] : terms.terms) sums[name] += value.item<double>() * share;
    sums["total"] += terms.total.item<double>() * share;
    return frames;
  }

  // The spatial phase is frozen and the clips come from the seed: a resumed run fills the cache as before.
  void fill_cache() {
    cache_ = options_.cache;
    if (cache_ && cache_->size() > 0) return;
    if (!cache_) cache_ = std::make_shared<ClipCache>(recipe_.seed);
    loader_->skip_to(0);
    Progress progress(options_.progress, "spatial phase", "clips", recipe_.cache_clips);
    while (static_cast<int>(cache_->size()) < recipe_.cache_clips) {
      throw_if_interrupted();
      const auto batch = loader_->next();
      for (SpatialClip& clip : objective_.frozen_clips(*batch)) cache_->add(std::move(clip));
      if (batch->step == 0) {
        spdlog::info("the cache will take {:.1f} GB of memory",
                     1e-9 * static_cast<double>(cache_->bytes()) * recipe_.cache_clips / static_cast<double>(cache_->size()));
      }
      progress.update(static_cast<std::int64_t>(cache_->size()));
    }
  }

  void validate(std::int64_t step, MetricsLog& log) {
    ema_->swap();
    for (const int long_side : recipe_.validation.long_sides) {
      EvaluateOptions options;
      options.long_side = long_side;
      options.batch = recipe_.validation.batch;
      const auto images = detect_on(network_, validation_, options);
      eval::OksOptions oks;
      oks.sigmas = joint_sigmas(network_.config, recipe_.model);
      const eval::OksSummary summary = eval::evaluate_oks(images, oks).summary;
      log.write(
          {{"step", step},
           {"validation",
            {{"long_side", long_side}, {"AP", summary.AP}, {"AP50", summary.AP50}, {"AP75", summary.AP75}, {"AR", summary.AR}}}});
      spdlog::info("step {}: AP {:.4f} at {} px (AP50 {:.4f}, AR {:.4f})", step, summary.AP, long_side, summary.AP50, summary.AR);
    }
    ema_->swap();
  }

  void save(std::int64_t step) { save_checkpoint(options_.run, network_.state(), *ema_, *optimizer_, step, recipe_.text); }

  void export_model(std::int64_t step) {
    ema_->swap();
    std::map<std::string, std::string> metadata = {
        {"recipe", recipe_.text}, {"steps", std::to_string(step)}, {"seed", std::to_string(recipe_.seed)}};
    if (recipe_.stage != Stage::kSpatial && !recipe_.init.empty()) keep_provenance(metadata);
    if (!recipe_.licence.empty()) metadata["licence"] = recipe_.licence;
    if (!recipe_.attribution.empty()) metadata["attribution"] = recipe_.attribution;
    model::save_model(options_.run / "model.safetensors", *network_.spatial, network_.temporal.get(), metadata, /*half=*/true);
    ema_->swap();
  }

  // Where the spatial phase comes from, under the key "spatial", stages before that nested in it.
  void keep_provenance(std::map<std::string, std::string>& metadata) const {
    nlohmann::json origin = {{"init", recipe_.init}};
    const SafetensorsFile start(recipe_.init);
    for (const auto& [key, value] : start.metadata()) {
      if (key != "config" && key != "format") origin[key] = value;
    }
    metadata["spatial"] = origin.dump();
  }

  Recipe recipe_;
  const TrainOptions& options_;
  Network network_;
  Objective objective_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  std::unique_ptr<data::Loader> loader_;
  std::shared_ptr<const data::Dataset> validation_;
  std::shared_ptr<ClipCache> cache_;
  int bad_steps_ = 0;
};

}  // namespace

TrainResult train(const Recipe& recipe, const TrainOptions& options) { return Run(recipe, options)(); }

}  // namespace vepe::train
