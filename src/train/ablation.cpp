#include "train/ablation.h"

#include <fmt/format.h>
#include <torch/torch.h>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "train/clip_cache.h"
#include "train/evaluate_clips.h"
#include "train/trainer.h"

namespace vepe::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

model::ModelConfig temporal_model(const AblationConfig& config) {
  return model::load_model_config(load_recipe(config.temporal, {}).model);
}

// The paper's rows; the last one, beyond the paper, only where the model has that part.
std::vector<AblationRow> table_rows(const AblationConfig& config) {
  std::vector<AblationRow> rows = {{"spatial", "spatial phase, before"},
                                   {"baseline", "baseline: spatial phase, trained on"},
                                   {"a", "+ STPE", true},
                                   {"b", "+ ICM", true, true},
                                   {"c", "+ STDME", true, true, true},
                                   {"d", "+ STPD", true, true, true, true}};
  if (temporal_model(config).temporal.propagate) rows.push_back({"e", "+ propagation", true, true, true, true, true});
  return rows;
}

json to_json(const LinkMetrics& link) {
  return {{"top1", link.top1}, {"mota", link.mota}, {"hota", link.hota}, {"idf1", link.idf1}};
}

LinkMetrics link_from(const json& value) { return {value.at("top1"), value.at("mota"), value.at("hota"), value.at("idf1")}; }

json to_json(const SequenceMetrics& metrics) {
  json value = {{"ap", metrics.ap}, {"joints", metrics.joints}, {"oks", to_json(metrics.oks)}};
  if (metrics.embedding) value["embedding"] = to_json(*metrics.embedding);
  return value;
}

SequenceMetrics metrics_from(const json& value) {
  SequenceMetrics metrics;
  metrics.ap = value.at("ap");
  metrics.joints = value.at("joints").get<std::array<double, 7>>();
  metrics.oks = link_from(value.at("oks"));
  if (value.contains("embedding")) metrics.embedding = link_from(value.at("embedding"));
  return metrics;
}

// What a stored result was measured on.
json held_out_key(const SequenceOptions& options) {
  return {{"annotations", options.annotations.string()},
          {"images", options.images.string()},
          {"long_side", options.long_side},
          {"max_people", options.max_people},
          {"track_threshold", options.track_threshold}};
}

Network load_network(const fs::path& run, bool bfloat16) {
  const model::LoadedModel loaded = model::load_model(run / "model.safetensors");
  loaded.model->compute_in_bfloat16(bfloat16);
  return {loaded.model->config(), loaded.model, loaded.temporal};
}

// The same weights with another threshold of PQS.
Network with_threshold(const Network& network, double threshold) {
  Network changed = network;
  changed.config.temporal.pqs_threshold = threshold;
  changed.temporal = std::make_shared<model::Vepe>(changed.config, changed.config.temporal);
  model::load_state(model::state_of(*changed.temporal), model::state_of(*network.temporal), "the model");
  return changed;
}

// The runs of one seed.
class SeedRuns {
 public:
  SeedRuns(const AblationConfig& config, const fs::path& folder, int seed, ProgressStyle progress)
      : config_(config), folder_(folder / fmt::format("seed{}", seed)), seed_(seed), progress_(progress) {}

  SequenceMetrics row(const AblationRow& row) {
    const bool temporal = row.stpe;
    const Recipe recipe = temporal ? temporal_recipe(row) : spatial_recipe(row.name == "baseline");
    const fs::path run = folder_ / row.name;
    finish(recipe, run, temporal);
    bfloat16_ = recipe.precision == "bf16";
    const json key = held_out_key(config_.heldout);
    if (const auto stored = stored_result(run, key)) return metrics_from(*stored);
    const Network network = load_network(run, bfloat16_);
    const SequenceMetrics metrics =
        temporal ? sequences().evaluate(network) : Sequences(network, config_.heldout).evaluate(network);
    store_result(run, key, to_json(metrics));
    spdlog::info("seed {}, {}: mAP {:.2f}", seed_, row.name, metrics.ap);
    return metrics;
  }

  // mAP of row d at each threshold.
  std::vector<double> sweep() {
    const fs::path run = folder_ / "sweep";
    json key = held_out_key(config_.heldout);
    key["thresholds"] = config_.thresholds;
    if (const auto stored = stored_result(run, key)) return stored->get<std::vector<double>>();
    const Network network = load_network(folder_ / "d", bfloat16_);
    std::vector<double> values;
    for (const double threshold : config_.thresholds) values.push_back(sequences().evaluate(with_threshold(network, threshold)).ap);
    make_output_folder(run);
    store_result(run, key, values);
    return values;
  }

 private:
  Recipe spatial_recipe(bool baseline) const {
    std::vector<std::string> settings = {fmt::format("seed={}", seed_)};
    if (baseline) {
      settings.insert(settings.end(), config_.baseline.begin(), config_.baseline.end());
      settings.push_back(fmt::format("init=\"{}\"", spatial_model().string()));
      settings.push_back("init_prefix=\"\"");
    }
    return load_recipe(config_.spatial, settings);
  }

  Recipe temporal_recipe(const AblationRow& row) const {
    model::ModelConfig model = temporal_model(config_);
    model::TemporalConfig& temporal = model.temporal;
    temporal.stpe = row.stpe, temporal.icm = row.icm, temporal.stdme = row.stdme, temporal.stpd = row.stpd;
    temporal.propagate = row.propagate;
    const fs::path path = folder_ / (row.name + ".toml");
    make_output_folder(folder_);
    write_file_atomically(path, model::write_model_config(model));
    return load_recipe(config_.temporal, {fmt::format("seed={}", seed_), fmt::format("init=\"{}\"", spatial_model().string()),
                                          fmt::format("model=\"{}\"", path.string())});
  }

  fs::path spatial_model() const { return folder_ / "spatial" / "model.safetensors"; }

  void finish(const Recipe& recipe, const fs::path& run, bool temporal) {
    if (fs::exists(run / "recipe.toml") && read_file(run / "recipe.toml") != recipe.text) {
      throw Error(ErrorCode::kUsage, run.string(), "was made with another recipe", "use another folder, or remove this run");
    }
    if (fs::exists(run / "model.safetensors")) return;
    TrainOptions options;
    options.run = run;
    options.resume = fs::exists(run / "checkpoint") || fs::exists(run / "checkpoint.old");
    options.progress = progress_;
    if (temporal && recipe.cache_clips > 0) {
      if (!cache_) cache_ = std::make_shared<ClipCache>(recipe.seed);
      options.cache = cache_;
    }
    spdlog::info("seed {}: {}", seed_, run.filename().string());
    const TrainResult result = train(recipe, options);
    if (!result.finished)
      throw Error(ErrorCode::kInterrupted, run.string(), fmt::format("stopped at step {}", result.step),
                  "give the same command again to go on");
  }

  static std::optional<json> stored_result(const fs::path& run, const json& key) {
    if (!fs::exists(run / "result.json")) return std::nullopt;
    const json stored = json::parse(read_file(run / "result.json"), nullptr, false);
    if (!stored.is_object() || stored.value("heldout", json()) != key || !stored.contains("result")) return std::nullopt;
    return stored["result"];
  }

  static void store_result(const fs::path& run, const json& key, const json& result) {
    write_file_atomically(run / "result.json", json{{"heldout", key}, {"result", result}}.dump(1) + "\n");
  }

  // The frozen spatial phase on the held-out sequences, shared by the temporal rows.
  const Sequences& sequences() {
    if (!sequences_) sequences_.emplace(load_network(folder_ / "spatial", bfloat16_), config_.heldout);
    return *sequences_;
  }

  const AblationConfig& config_;
  fs::path folder_;
  int seed_;
  ProgressStyle progress_;
  bool bfloat16_ = false;
  std::shared_ptr<ClipCache> cache_;
  std::optional<Sequences> sequences_;
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread(const std::vector<double>& values) {
  Spread result;
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  for (const double value : values) result.deviation += (value - result.mean) * (value - result.mean);
  result.deviation = values.size() > 1 ? std::sqrt(result.deviation / static_cast<double>(values.size() - 1)) : 0;
  return result;
}

template <typename Get>
std::vector<double> each(const AblationRow& row, Get get) {
  std::vector<double> values;
  for (const SequenceMetrics& result : row.results) values.push_back(get(result));
  return values;
}

std::string text(const std::vector<double>& values, const char* sign = "") {
  const Spread s = spread(values);
  return fmt::format("{}{:.2f} ± {:.2f}", *sign && s.mean >= 0 ? sign : "", s.mean, s.deviation);
}

}  // namespace

AblationConfig load_ablation_config(const fs::path& path, const std::vector<std::string>& settings) {
  toml::table document = parse_toml_file(path);
  for (const std::string& setting : settings) apply_setting(document, setting);
  AblationConfig config;
  TableReader root(document, path.string());
  root.read("spatial", config.spatial);
  root.read("temporal", config.temporal);
  root.read("baseline", config.baseline);
  root.read("seeds", config.seeds, 0, 1 << 30);
  root.read("thresholds", config.thresholds, 0, 1);
  TableReader heldout = root.table("heldout");
  std::string annotations, images;
  heldout.read("annotations", annotations);
  heldout.read("images", images);
  heldout.read("long_side", config.heldout.long_side, 32, 8192);
  heldout.read("batch", config.heldout.batch, 1, 1024);
  heldout.read("max_people", config.heldout.max_people, 1, 1000);
  heldout.read("track_threshold", config.heldout.track_threshold, 0, 1);
  heldout.finish();
  root.finish();
  config.heldout.annotations = annotations, config.heldout.images = images;
  if (config.spatial.empty() || config.temporal.empty())
    root.fail("spatial, temporal", "are missing", "name the recipes of both stages");
  if (annotations.empty() || images.empty())
    heldout.fail("annotations, images", "are missing", "name the sequences to evaluate on");
  if (config.seeds.empty()) root.fail("seeds", "is empty", "give at least one");
  const Recipe spatial = load_recipe(config.spatial, config.baseline), temporal = load_recipe(config.temporal, {});
  if (spatial.stage != Stage::kSpatial)
    root.fail("spatial", config.spatial + " has another stage", "name a recipe with stage = \"spatial\"");
  if (temporal.stage != Stage::kTemporal)
    root.fail("temporal", config.temporal + " has another stage", "name a recipe with stage = \"temporal\"");
  return config;
}

AblationResult run_ablation(const AblationConfig& config, const fs::path& folder, ProgressStyle progress) {
  AblationResult result;
  result.seeds = config.seeds;
  result.rows = table_rows(config);
  result.thresholds = config.thresholds;
  result.sweep.resize(config.thresholds.size());
  make_output_folder(folder);
  for (const int seed : config.seeds) {
    SeedRuns runs(config, folder, seed, progress);
    for (AblationRow& row : result.rows) row.results.push_back(runs.row(row));
    const std::vector<double> values = config.thresholds.empty() ? std::vector<double>{} : runs.sweep();
    for (std::size_t i = 0; i < values.size(); ++i) result.sweep[i].push_back(values[i]);
  }
  return result;
}

std::string ablation_tables(const AblationResult& result) {
  const auto mark = [](bool on) { return on ? "x" : ""; };
  const auto map = [](const SequenceMetrics& m) { return m.ap; };
  std::string out = fmt::format("mAP (PoseTrack18 protocol, per cent), mean ± standard deviation over seeds {}\n\n",
                                fmt::join(result.seeds, ", "));
  out += "| row | STPE | ICM | STDME | STPD | mAP | to the baseline | head | shoulder | elbow | wrist | hip | knee | ankle |\n";
  out += "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  const std::vector<double> baseline = each(result.rows.at(1), map);
  for (const AblationRow& row : result.rows) {
    std::vector<double> difference = each(row, map);
    for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= baseline[i];
    out += fmt::format("| {} ({}) | {} | {} | {} | {} | {} | {} |", row.name, row.label, mark(row.stpe), mark(row.icm),
                       mark(row.stdme), mark(row.stpd), text(each(row, map)), row.name == "baseline" ? "" : text(difference, "+"));
    for (std::size_t j = 0; j < 7; ++j)
      out += fmt::format(" {:.1f} |", spread(each(row, [j](const SequenceMetrics& m) { return m.joints[j]; })).mean);
    out += "\n";
  }
  out += "\nLinking with the plainest tracker, by pose (OKS) and by instance embedding\n\n";
  out += "| row | by | top-1 matching | MOTA | IDF1 | HOTA |\n|---|---|---|---|---|---|\n";
  for (const AblationRow& row : result.rows) {
    const auto line = [&](const char* by, auto link) {
      out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.name, by,
                         text(each(row, [&](const auto& m) { return 100 * link(m).top1; })),
                         text(each(row, [&](const auto& m) { return link(m).mota; })),
                         text(each(row, [&](const auto& m) { return link(m).idf1; })),
                         text(each(row, [&](const auto& m) { return link(m).hota; })));
    };
    line("pose", [](const SequenceMetrics& m) { return m.oks; });
    if (row.icm) line("embedding", [](const SequenceMetrics& m) { return m.embedding.value(); });
  }
  if (result.thresholds.empty()) return out;
  out += "\nThreshold of pose query selection, row d\n\n| threshold |";
  for (const double threshold : result.thresholds) out += fmt::format(" {:g} |", threshold);
  out += "\n|---|";
  for (std::size_t i = 0; i < result.thresholds.size(); ++i) out += "---|";
  out += "\n| mAP |";
  for (const auto& values : result.sweep) out += " " + text(values) + " |";
  return out + "\n";
}

}  // namespace vepe::train
