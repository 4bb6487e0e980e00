#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/progress.h"
#include "train/sequence_metrics.h"

namespace vepe::train {

// The paper's Table 2 (what each part of the temporal phase gives) and Table 3 (threshold of PQS), at equal budgets. For each seed:
//   spatial   the spatial recipe (S2), shared by all rows
//   baseline  spatial training goes on from there, with `baseline` laid over the spatial recipe
//   a .. d    the temporal recipe (S3) from the same spatial phase, with the row's parts of the temporal phase
// All are evaluated on the held-out sequences.
struct AblationConfig {
  std::string spatial, temporal;      // recipes; their `seed`, the temporal one's `init` and the switches of its model are set here
  std::vector<std::string> baseline;  // settings "schedule.steps=200"
  std::vector<int> seeds = {1, 2, 3};
  std::vector<double> thresholds = {0.1, 0.2, 0.3, 0.4, 0.5};  // Table 3, on row d
  SequenceOptions heldout;                                     // [heldout]
};

// Throws Error(kUsage).
AblationConfig load_ablation_config(const std::filesystem::path& path, const std::vector<std::string>& settings);

struct AblationRow {
  std::string name, label;  // "a", "STPE"
  bool stpe = false, icm = false, stdme = false, stpd = false, propagate = false;
  std::vector<SequenceMetrics> results;  // of each seed
};

struct AblationResult {
  std::vector<int> seeds;
  std::vector<AblationRow> rows;  // the spatial phase before, baseline, a, b, c, d; e where the model propagates queries
  std::vector<double> thresholds;
  std::vector<std::vector<double>> sweep;  // mAP of row d [thresholds][seeds]
};

// Runs what is not done yet: a finished run is not repeated, an unfinished one goes on from its checkpoint. Everything lies below
// `folder`: seed<N>/<row>/ with the run, its model and result.json. Throws Error(kUsage) when a run of the folder was made with
// another recipe, Error(kInterrupted) after Ctrl-C, and what `train` throws.
AblationResult run_ablation(const AblationConfig& config, const std::filesystem::path& folder, ProgressStyle progress);

// Both tables in Markdown: mean and sample standard deviation over the seeds, and the paired difference to the baseline.
std::string ablation_tables(const AblationResult& result);

}  // namespace vepe::train
