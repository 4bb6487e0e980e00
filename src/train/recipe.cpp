#include "train/recipe.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>

#include "core/error.h"

namespace vepe::train {
namespace {

// The tables of an array of tables; an error when the key is something else.
std::vector<const toml::table*> tables_of(const toml::table& parent, const char* key, const TableReader& reader) {
  std::vector<const toml::table*> tables;
  const toml::node* node = parent.get(key);
  if (!node) return tables;
  if (!node->is_array_of_tables()) reader.fail(key, "is not a list of sections", std::string("write [[...") + key + "]]");
  for (const toml::node& item : *node->as_array()) tables.push_back(item.as_table());
  return tables;
}

// A copy without one key, for readers that refuse what they do not know.
toml::table without(const toml::table& table, const char* key) {
  toml::table copy = table;
  copy.erase(key);
  return copy;
}

const toml::table& section(const toml::table& document, const char* key, const TableReader& root) {
  static const toml::table empty;
  const toml::node* node = document.get(key);
  if (!node) return empty;
  if (!node->is_table()) root.fail(key, "is not a section", std::string("write [") + key + "]");
  return *node->as_table();
}

void read_optimizer(const toml::table& table, const std::string& name, OptimizerConfig& config) {
  const toml::table plain = without(table, "group");
  TableReader reader(plain, name);
  reader.read("lr", config.lr, 0.0, 10.0);
  reader.read("weight_decay", config.weight_decay, 0.0, 1.0);
  reader.read("beta1", config.beta1, 0.0, 0.99999);
  reader.read("beta2", config.beta2, 0.0, 0.99999);
  reader.read("clip", config.clip, 0.0, 1e6);
  reader.read("clip_each_group", config.clip_each_group);
  reader.read("accumulate", config.accumulate, 1, 4096);
  reader.finish();
  for (const toml::table* group : tables_of(table, "group", reader)) {
    TableReader item(*group, name + ".group");
    ParameterGroup parameters;
    item.read("match", parameters.match);
    item.read("lr", parameters.lr, 0.0, 1000.0);
    item.finish();
    if (parameters.match.empty()) item.fail("match", "is missing", "name a part of the parameters' names");
    config.groups.push_back(parameters);
  }
}

void read_schedule(TableReader reader, ScheduleConfig& config) {
  reader.read("steps", config.steps, std::int64_t{1}, std::int64_t{1} << 40);
  reader.read("epochs", config.epochs, 0, 1 << 20);
  if (config.epochs > 0 && reader.has("steps")) reader.fail("epochs", "stands beside steps", "give one of them");
  reader.read("warmup", config.warmup, std::int64_t{0}, std::int64_t{1} << 40);
  reader.read_choice("type", config.type, {"cosine", "step", "constant"});
  reader.read("final_factor", config.final_factor, 0.0, 1.0);
  reader.read("milestones", config.milestones, 0.0, 1.0);
  reader.read("step_factor", config.step_factor, 0.0, 1.0);
  reader.finish();
}

}  // namespace

Recipe read_recipe(const toml::table& document, const std::string& name) {
  Recipe recipe;
  std::ostringstream text;
  text << document << "\n";
  recipe.text = text.str();

  toml::table plain = without(document, "data");
  plain.erase("optimizer");
  TableReader root(plain, name);
  root.read("model", recipe.model);
  root.read("init", recipe.init);
  root.read("init_prefix", recipe.init_prefix);
  std::int64_t seed = 1;
  root.read("seed", seed, std::int64_t{0}, std::int64_t{1} << 62);
  recipe.seed = static_cast<std::uint64_t>(seed);
  std::string stage = "spatial";
  root.read_choice("stage", stage, {"spatial", "temporal", "joint"});
  recipe.stage = stage == "joint" ? Stage::kJoint : stage == "temporal" ? Stage::kTemporal : Stage::kSpatial;
  root.read("mask_ids_share", recipe.mask_ids_share, 0.0, 1.0);
  root.read("max_people", recipe.max_people, 1, 1000);
  root.read("cache_clips", recipe.cache_clips, 0, 1 << 24);
  root.read_choice("precision", recipe.precision, {"fp32", "bf16"});
  root.read("ema", recipe.ema, 0.0, 0.9999999);
  root.read("checkpoint_every", recipe.checkpoint_every, std::int64_t{1}, std::int64_t{1} << 40);
  root.read("keypoint_score_weight", recipe.keypoint_score_weight, 0.0, 1e6);
  root.read("licence", recipe.licence);
  root.read("attribution", recipe.attribution);
  if (recipe.model.empty()) root.fail("model", "is missing", "name the model's config file");
  read_schedule(root.table("schedule"), recipe.schedule);
  TableReader loss = root.table("loss");
  loss::read_criterion_config(loss, recipe.loss);
  loss.finish();
  TableReader temporal_loss = root.table("temporal_loss");
  loss::read_temporal_criterion_config(temporal_loss, recipe.temporal_loss);
  TableReader validation = root.table("validation");
  if (root.has("validation")) {
    recipe.validation.enabled = true;
    recipe.validation.dataset = data::read_dataset_config(validation.table("dataset"));
    validation.read("long_sides", recipe.validation.long_sides, 32, 8192);
    validation.read("every", recipe.validation.every, std::int64_t{1}, std::int64_t{1} << 40);
    validation.read("batch", recipe.validation.batch, 1, 1024);
  }
  validation.finish();
  root.finish();
  if (recipe.stage == Stage::kTemporal && recipe.init.empty()) {
    root.fail("init", "is missing, the frozen spatial phase would be random", "name the model file that holds it");
  }
  if (recipe.cache_clips > 0 && recipe.stage != Stage::kTemporal) {
    root.fail("cache_clips", "only a frozen spatial phase can be cached", "remove it, or set stage = \"temporal\"");
  }

  read_optimizer(section(document, "optimizer", root), name + ": optimizer", recipe.optimizer);
  const toml::table& data = section(document, "data", root);
  const toml::table data_plain = without(data, "train");
  TableReader data_reader(data_plain, name + ": data");
  recipe.augment = data::read_augment_config(data_reader.table("augment"));
  recipe.loader = data::read_loader_config(data_reader.table("loader"));
  data_reader.finish();
  for (const toml::table* set : tables_of(data, "train", data_reader)) {
    recipe.datasets.push_back(data::read_dataset_config(TableReader(*set, name + ": data.train")));
  }
  if (recipe.datasets.empty()) data_reader.fail("train", "is missing", "add at least one [[data.train]]");
  recipe.loader.seed = recipe.seed;
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& settings) {
  toml::table document = parse_toml_file(path);
  for (const std::string& setting : settings) apply_setting(document, setting);
  return read_recipe(document, path.string());
}

double schedule_factor(const ScheduleConfig& config, std::int64_t step) {
  if (step < config.warmup) return static_cast<double>(step + 1) / static_cast<double>(config.warmup);
  const double progress = std::min(1.0, static_cast<double>(step) / static_cast<double>(config.steps));
  if (config.type == "cosine") {
    return config.final_factor + (1 - config.final_factor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }
  double factor = 1;
  if (config.type == "step") {
    for (const double milestone : config.milestones) factor *= progress >= milestone ? config.step_factor : 1;
  }
  return factor;
}

}  // namespace vepe::train
