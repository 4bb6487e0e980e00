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
#include "loss/keypoint_score.h"
#include "model/model_file.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/metrics_log.h"
#include "train/optimizer.h"
#include "train/targets.h"

namespace vepe::train {
namespace {

constexpr int kBadStepsAllowed = 20;  // gradients that are not finite, in a row

// Copies what a starting file holds into the model; the rest keeps its initial values.
void initialise(model::SpatialModel& model, const Recipe& recipe) {
  if (recipe.init.empty()) return;
  model::NamedTensors state = model::state_of(model);
  std::size_t used = 0;
  torch::NoGradGuard no_grad;
  const model::NamedTensors start = model::read_tensors(recipe.init);
  for (const auto& [name, tensor] : start) {
    const auto found = state.find(recipe.init_prefix + name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) continue;
    found->second.copy_(tensor);
    ++used;
  }
  if (used == 0) {
    throw Error(ErrorCode::kModel, recipe.init, "has no tensor that fits the model", "check init and init_prefix of the recipe");
  }
  spdlog::info("{}: {} of {} tensors start {} of the model's {}", recipe.init, used, start.size(), used, state.size());
}

class Run {
 public:
  Run(const Recipe& recipe, const TrainOptions& options)
      : recipe_(recipe), options_(options), model_config_(model::load_model_config(recipe.model)) {
    torch::manual_seed(recipe.seed);
    model_ = std::make_shared<model::SpatialModel>(model_config_);
    initialise(*model_, recipe);
    model_->train();
    model_->compute_in_bfloat16(recipe.precision == "bf16");
    optimizer_ = std::make_unique<Optimizer>(*model_, recipe.optimizer);
    ema_ = std::make_unique<Ema>(*model_, recipe.ema);

    const formats::JointSet* joints = formats::find_joint_set(model_config_.keypoints);
    if (!joints || joints->size() != model_config_.keypoint_count) {
      throw Error(ErrorCode::kUsage, recipe.model + ": model.keypoints", "unknown joint set " + model_config_.keypoints, "use coco17, posetrack15 or crowdpose14");
    }
    sigmas_ = joints->sigmas;
    loss::CriterionConfig config = recipe.loss;
    config.sigmas = sigmas_;
    criterion_ = std::make_unique<loss::Criterion>(config);
    loader_ = std::make_unique<data::Loader>(data::open_datasets(recipe.datasets), recipe.augment, recipe.loader);
    if (recipe.validation.enabled) validation_ = std::make_shared<data::Dataset>(recipe.validation.dataset);
  }

  TrainResult operator()() {
    make_output_folder(options_.run);
    std::int64_t step = begin();
    const std::int64_t last = options_.stop_after > 0 ? std::min(recipe_.schedule.steps, step + options_.stop_after) : recipe_.schedule.steps;
    MetricsLog log(options_.run / "metrics.jsonl", step);
    Progress progress(options_.progress, "training", "steps", recipe_.schedule.steps);
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
      throw Error(ErrorCode::kUsage, options_.run.string(), "already holds a run", "pass --resume to go on, or choose another folder");
    }
    if (!options_.resume) {
      write_file_atomically(options_.run / "recipe.toml", recipe_.text);
      std::filesystem::remove(options_.run / "metrics.jsonl");
      return 0;
    }
    const auto step = load_checkpoint(options_.run, *model_, *ema_, *optimizer_, recipe_.text);
    if (!step) throw Error(ErrorCode::kUsage, options_.run.string(), "holds no checkpoint to resume", "start without --resume");
    loader_->skip_to(*step * recipe_.optimizer.accumulate);
    return *step;
  }

  double one_step(std::int64_t step, MetricsLog& log, Progress& progress) {
    const auto start = std::chrono::steady_clock::now();
    std::map<std::string, double> sums;
    std::int64_t images = 0;
    for (int part = 0; part < recipe_.optimizer.accumulate; ++part) {
      const auto batch = loader_->next();
      if (!batch) throw Error(ErrorCode::kInput, "data", "the training sets ran dry");
      // Dropout is drawn from the step's own stream, so a resumed run repeats it.
      torch::manual_seed(recipe_.seed * 1000003 + static_cast<std::uint64_t>(batch->step));
      accumulate(*batch, sums);
      images += static_cast<std::int64_t>(batch->samples.size());
    }
    const double factor = schedule_factor(recipe_.schedule, step);
    const double norm = optimizer_->step(factor);
    if (std::isfinite(norm)) {
      bad_steps_ = 0;
      ema_->update(*model_);
    } else if (++bad_steps_ >= kBadStepsAllowed) {
      throw Error(ErrorCode::kCheckFailed, fmt::format("step {}", step), "the gradient has not been finite for many steps",
                  "lower optimizer.lr or optimizer.clip and resume from the checkpoint");
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    nlohmann::json line = {{"step", step + 1}, {"lr", recipe_.optimizer.lr * factor}, {"grad_norm", norm}, {"images", images}, {"seconds", seconds}};
    for (const auto& [name, value] : sums) line["loss"][name] = value;
    log.write(line);
    progress.update(step + 1, fmt::format("loss {:.3f}, {:.1f} images/s", sums["total"], static_cast<double>(images) / seconds));
    return sums["total"];
  }

  void accumulate(const data::Batch& batch, std::map<std::string, double>& sums) {
    const auto targets = make_targets(batch, model_config_.keypoint_count);
    const auto output = model_->forward(model_->normalise(batch.images), real_sizes(batch));
    std::vector<model::JointLayer> joints;
    loss::RefineFunction refine;
    if (model_config_.joint_decoder.layers > 0) {
      refine = [&](const torch::Tensor& query_index) {
        joints = model_->refine(output, query_index);
        std::vector<torch::Tensor> keypoints;
        for (const model::JointLayer& layer : joints) keypoints.push_back(layer.keypoints);
        return keypoints;
      };
    }
    loss::LossTerms terms = (*criterion_)(output, targets, refine);
    torch::Tensor total = terms.total;
    for (std::size_t i = 0; i < joints.size(); ++i) {
      if (!joints[i].score_logits.defined()) continue;
      const torch::Tensor term = recipe_.keypoint_score_weight *
                                 loss::keypoint_score_loss(joints[i].score_logits, joints[i].keypoints, terms.matches, targets, sigmas_);
      terms.terms.emplace_back(fmt::format("d{}.loss_keypoint_score", i), term);
      total = total + term;
    }
    const double share = 1.0 / recipe_.optimizer.accumulate;
    (total * share).backward();
    for (const auto& [name, value] : terms.terms) sums[name] += value.item<double>() * share;
    sums["total"] += total.item<double>() * share;
  }

  void validate(std::int64_t step, MetricsLog& log) {
    ema_->swap(*model_);
    for (const int long_side : recipe_.validation.long_sides) {
      EvaluateOptions options;
      options.long_side = long_side;
      options.batch = recipe_.validation.batch;
      const auto images = detect_on(*model_, validation_, options);
      eval::OksOptions oks;
      oks.sigmas = sigmas_;
      const eval::OksSummary summary = eval::evaluate_oks(images, oks).summary;
      log.write({{"step", step}, {"validation", {{"long_side", long_side}, {"AP", summary.AP}, {"AP50", summary.AP50}, {"AP75", summary.AP75}, {"AR", summary.AR}}}});
      spdlog::info("step {}: AP {:.4f} at {} px (AP50 {:.4f}, AR {:.4f})", step, summary.AP, long_side, summary.AP50, summary.AR);
    }
    ema_->swap(*model_);
  }

  void save(std::int64_t step) { save_checkpoint(options_.run, *model_, *ema_, *optimizer_, step, recipe_.text); }

  void export_model(std::int64_t step) {
    ema_->swap(*model_);
    std::map<std::string, std::string> metadata = {{"recipe", recipe_.text}, {"steps", std::to_string(step)}, {"seed", std::to_string(recipe_.seed)}};
    if (!recipe_.licence.empty()) metadata["licence"] = recipe_.licence;
    if (!recipe_.attribution.empty()) metadata["attribution"] = recipe_.attribution;
    model::save_model(options_.run / "model.safetensors", *model_, nullptr, metadata, /*half=*/true);
    ema_->swap(*model_);
  }

  const Recipe& recipe_;
  const TrainOptions& options_;
  model::ModelConfig model_config_;
  std::shared_ptr<model::SpatialModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Ema> ema_;
  std::vector<double> sigmas_;
  std::unique_ptr<loss::Criterion> criterion_;
  std::unique_ptr<data::Loader> loader_;
  std::shared_ptr<const data::Dataset> validation_;
  int bad_steps_ = 0;
};

}  // namespace

TrainResult train(const Recipe& recipe, const TrainOptions& options) { return Run(recipe, options)(); }

}  // namespace vepe::train
