#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "data/config.h"
#include "loss/criterion.h"
#include "loss/temporal_criterion.h"
#include "model/config.h"

namespace vepe::train {

// Parameters whose name contains `match` learn at `lr` times the base rate; 0 freezes them. The first match counts.
struct ParameterGroup {
  std::string match;
  double lr = 1;
};

struct OptimizerConfig {  // [optimizer], AdamW
  double lr = 2e-4;
  double weight_decay = 1e-4;
  double beta1 = 0.9, beta2 = 0.999;
  double clip = 0.1;                   // largest norm of the gradient; 0 does not clip
  bool clip_each_group = false;        // clip every parameter group by its own norm instead of all by one (PETR): a trunk
                                       // without norms has gradients thousands of times those of the decoder
  int accumulate = 1;                  // batches per optimiser step
  std::vector<ParameterGroup> groups;  // [[optimizer.group]]
};

struct ScheduleConfig {         // [schedule]
  std::int64_t steps = 1000;    // optimiser steps
  int epochs = 0;               // instead of steps: passes over the training sets
  std::int64_t warmup = 100;    // linear, from 0
  std::string type = "cosine";  // "cosine" to `final_factor`, "step" at `milestones`, "constant"
  double final_factor = 0.01;
  std::vector<double> milestones = {0.8};  // share of the steps
  double step_factor = 0.1;
};

struct ValidationConfig {  // [validation]
  bool enabled = false;
  data::DatasetConfig dataset;  // [validation.dataset]
  std::vector<int> long_sides = {320};
  std::int64_t every = 500;  // optimiser steps
  int batch = 8;
};

// What a run trains. Spatial (S1 on pictures, S2 on the frames of videos): the spatial phase alone, single pictures. Temporal
// (S3): the temporal phase on clips; the spatial phase is frozen and stays as `init` has it. Joint (S4): both on clips.
enum class Stage { kSpatial, kTemporal, kJoint };

// A training run, as its TOML file describes it. Relative paths are relative to the working directory.
struct Recipe {
  std::string model;        // path of the model's config
  std::string init;         // safetensors to start from: a model file or a part of one; "" starts at random
  std::string init_prefix;  // put before every name of `init`
  std::uint64_t seed = 1;
  Stage stage = Stage::kSpatial;        // "spatial", "temporal", "joint"
  std::string precision = "fp32";       // "bf16": convolutions of the small trunk compute in bf16
  double ema = 0.999;                   // of the averaged weights, which are validated and exported; 0 turns them off
  std::int64_t checkpoint_every = 500;  // optimiser steps
  double keypoint_score_weight = 1;     // of the joint decoder's keypoint scores, where the model has them
  std::string licence, attribution;     // written into the exported model
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  std::vector<data::DatasetConfig> datasets;  // [[data.train]]
  data::AugmentConfig augment;                // [data.augment]
  data::LoaderConfig loader;                  // [data.loader]
  loss::CriterionConfig loss;                 // [loss]; its matcher also pairs the frames of a clip with their people

  // Temporal and joint stages.
  loss::TemporalCriterionConfig temporal_loss;  // [temporal_loss]
  double mask_ids_share = 0.3;  // first part of the schedule in which STPE's mask comes from the ground truth's track ids
  int max_people = 20;          // best poses of a frame that the joint decoder refines before the temporal phase
  int cache_clips = 0;          // temporal stage: the first so many clips of the loader are taken through the frozen spatial
                                // phase once, kept in memory as fp16 and trained on in new orders; 0: always new clips
  ValidationConfig validation;
  std::string text;  // the whole recipe after `key=value` settings, as TOML
};

// Reads a recipe and lays `settings` ("optimizer.lr=1e-4") over it. Throws Error(kUsage).
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& settings);
Recipe read_recipe(const toml::table& document, const std::string& name);

// Factor of the base learning rate at an optimiser step (0 is the first).
double schedule_factor(const ScheduleConfig& config, std::int64_t step);

}  // namespace vepe::train
