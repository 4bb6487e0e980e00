#include "model/config.h"

#include <sstream>

#include "core/error.h"

namespace vepe::model {
namespace {

const std::vector<std::string> kBackbones = {"resnet18",  "resnet34",  "resnet50", "resnet101",
                                             "hrnet_w32", "hrnet_w48", "swin_l",   "movenet"};
const std::vector<std::string> kTrunkMaps = {"p4", "p8", "p16", "block2", "block5", "block9", "block12", "block16", "last"};

void check(const ModelConfig& config, const TableReader& reader) {
  if (config.channels % config.heads != 0)
    reader.fail("model.channels", "is not a multiple of heads", "choose channels = heads x a whole number");
  if (config.channels % config.neck.groups != 0)
    reader.fail("neck.groups", "does not divide the channels", "choose a divisor of model.channels");
  if (config.channels % 4 != 0)
    reader.fail("model.channels", "is not a multiple of 4", "the position encoding needs four values a frequency");
  if (config.dense() && !config.small_trunk())
    reader.fail("proposals.type", "dense proposals need the movenet backbone", "use \"encoder\"");
  if (config.small_trunk() != !config.neck.inputs.empty()) {
    reader.fail("neck.inputs", "goes with the movenet backbone only", "list the trunk's maps for movenet, leave it out otherwise");
  }
  for (const std::string& input : config.neck.inputs) {
    if (std::find(kTrunkMaps.begin(), kTrunkMaps.end(), input) == kTrunkMaps.end()) {
      reader.fail("neck.inputs", "unknown map \"" + input + "\"",
                  "use p4, p8, p16, block2, block5, block9, block12, block16 or last");
    }
  }
  if (config.proposals.first_level >= config.levels())
    reader.fail("proposals.first_level", "there is no such level", "choose a smaller one");
  if (config.input.mean.size() != 3 || config.input.std.size() != 3)
    reader.fail("input.mean", "mean and std need three values", "give R, G, B");
}

}  // namespace

std::int64_t ModelConfig::levels() const {
  const std::int64_t maps = small_trunk() ? static_cast<std::int64_t>(neck.inputs.size()) : 3;
  return maps + neck.extra_levels;
}

ModelConfig read_model_config(const toml::table& document, const std::string& name) {
  ModelConfig config;
  TableReader root(document, name);

  TableReader model = root.table("model");
  model.read("name", config.name);
  model.read("keypoints", config.keypoints);
  model.read("keypoint_count", config.keypoint_count, 1, 256);
  model.read("channels", config.channels, 8, 4096);
  model.read("heads", config.heads, 1, 64);
  model.read("feed_forward", config.feed_forward, 8, 16384);
  model.read("dropout", config.dropout, 0.0, 0.9);
  model.finish();

  TableReader input = root.table("input");
  input.read("mean", config.input.mean, 0.0, 255.0);
  input.read("std", config.input.std, 1e-3, 255.0);
  input.read("short_side", config.input.short_side, 0, 8192);
  input.read("long_side", config.input.long_side, 32, 8192);
  input.read("multiple", config.input.multiple, 1, 256);
  input.finish();

  TableReader backbone = root.table("backbone");
  backbone.read_choice("type", config.backbone.type, kBackbones);
  backbone.read("base_channels", config.backbone.base_channels, 4, 256);
  backbone.read("frozen_stages", config.backbone.frozen_stages, 0, 5);
  backbone.finish();

  TableReader neck = root.table("neck");
  neck.read("inputs", config.neck.inputs);
  neck.read("extra_levels", config.neck.extra_levels, 0, 3);
  neck.read("groups", config.neck.groups, 1, 256);
  neck.finish();

  TableReader encoder = root.table("encoder");
  encoder.read("layers", config.encoder.layers, 0, 24);
  encoder.read("points", config.encoder.points, 1, 64);
  encoder.finish();

  TableReader proposals = root.table("proposals");
  proposals.read_choice("type", config.proposals.type, {"encoder", "dense"});
  proposals.read("queries", config.proposals.queries, 1, 5000);
  proposals.read("first_level", config.proposals.first_level, 0, 8);
  proposals.finish();

  TableReader pose_decoder = root.table("pose_decoder");
  pose_decoder.read("layers", config.pose_decoder.layers, 1, 24);
  pose_decoder.read("head_hidden", config.pose_decoder.head_hidden, 8, 4096);
  pose_decoder.read_choice("step", config.pose_decoder.step, {"image", "pose"});
  pose_decoder.finish();

  TableReader joint_decoder = root.table("joint_decoder");
  joint_decoder.read("layers", config.joint_decoder.layers, 0, 24);
  joint_decoder.read("points", config.joint_decoder.points, 1, 64);
  joint_decoder.read("pose_query", config.joint_decoder.pose_query);
  joint_decoder.read("keypoint_scores", config.joint_decoder.keypoint_scores);
  joint_decoder.finish();

  TableReader heatmap = root.table("heatmap");
  heatmap.read("enabled", config.heatmap.enabled);
  heatmap.finish();

  TableReader temporal = root.table("temporal");
  config.temporal = read_temporal_config(temporal, config.levels());

  root.finish();
  check(config, root);
  return config;
}

ModelConfig load_model_config(const std::filesystem::path& path) { return read_model_config(parse_toml_file(path), path.string()); }

std::string write_model_config(const ModelConfig& config) {
  const auto doubles = [](const std::vector<double>& values) {
    toml::array array;
    for (const double value : values) array.push_back(value);
    return array;
  };
  toml::array inputs;
  for (const std::string& name : config.neck.inputs) inputs.push_back(name);
  toml::table neck{{"extra_levels", config.neck.extra_levels}, {"groups", config.neck.groups}};
  if (!config.neck.inputs.empty()) neck.insert("inputs", inputs);
  toml::table pose_decoder{{"layers", config.pose_decoder.layers}, {"head_hidden", config.pose_decoder.head_hidden}};
  if (config.pose_decoder.step != PoseDecoderConfig().step) pose_decoder.insert("step", config.pose_decoder.step);
  toml::table document{
      {"model", toml::table{{"name", config.name},
                            {"keypoints", config.keypoints},
                            {"keypoint_count", config.keypoint_count},
                            {"channels", config.channels},
                            {"heads", config.heads},
                            {"feed_forward", config.feed_forward},
                            {"dropout", config.dropout}}},
      {"input", toml::table{{"mean", doubles(config.input.mean)},
                            {"std", doubles(config.input.std)},
                            {"short_side", config.input.short_side},
                            {"long_side", config.input.long_side},
                            {"multiple", config.input.multiple}}},
      {"backbone", toml::table{{"type", config.backbone.type},
                               {"base_channels", config.backbone.base_channels},
                               {"frozen_stages", config.backbone.frozen_stages}}},
      {"neck", neck},
      {"encoder", toml::table{{"layers", config.encoder.layers}, {"points", config.encoder.points}}},
      {"proposals",
       toml::table{
           {"type", config.proposals.type}, {"queries", config.proposals.queries}, {"first_level", config.proposals.first_level}}},
      {"pose_decoder", pose_decoder},
      {"joint_decoder", toml::table{{"layers", config.joint_decoder.layers},
                                    {"points", config.joint_decoder.points},
                                    {"pose_query", config.joint_decoder.pose_query},
                                    {"keypoint_scores", config.joint_decoder.keypoint_scores}}},
      {"heatmap", toml::table{{"enabled", config.heatmap.enabled}}},
  };
  // Left out at its defaults, so that the text of a spatial model is what it was before there was a temporal phase.
  if (config.temporal != TemporalConfig()) document.insert("temporal", write_temporal_config(config.temporal));
  std::ostringstream text;
  text << document << "\n";
  return text.str();
}

}  // namespace vepe::model
