#include "train/network.h"

#include <fmt/format.h>
#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "formats/joints.h"

namespace vepe::train {
namespace {

// STPD refines poses on a memory as the spatial pose decoder does, so its layers start as that decoder's last one. Only the last
// layers of its heads stay as they are, which answer no change.
void start_stpd(const Network& network) {
  const model::NamedTensors from = model::state_of(*network.spatial), to = model::state_of(*network.temporal);
  const auto copy = [&](const std::string& prefix, const std::string& source) {
    for (const auto& [name, tensor] : to) {
      if (!name.starts_with(prefix)) continue;
      const auto found = from.find(source + name.substr(prefix.size()));
      if (found != from.end()) tensor.copy_(found->second);
    }
  };
  const int last = network.config.pose_decoder.layers - 1;
  for (int i = 0; i < network.config.temporal.stpd_layers; ++i) {
    copy(fmt::format("stpd.layers.{}.", i), fmt::format("pose_decoder.layers.{}.", last));
    for (const int hidden : {0, 2, 4}) {
      copy(fmt::format("stpd.heads.{}.keypoints.{}.", i, hidden), fmt::format("pose_decoder.keypoint_heads.{}.{}.", last, hidden));
    }
  }
  copy("stpd.position.", "pose_decoder.position.");
  spdlog::info("the layers of STPD start as layer {} of the pose decoder", last);
}

// Copies what a starting file holds into the model; the rest keeps its initial values.
void initialise(const Network& network, const Recipe& recipe) {
  if (recipe.init.empty()) return;
  model::NamedTensors state = network.state();
  const model::NamedTensors start = model::read_tensors(recipe.init);
  torch::NoGradGuard no_grad;
  std::size_t used = 0;
  for (const auto& [name, tensor] : start) {
    const auto found = state.find(recipe.init_prefix + name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) continue;
    found->second.copy_(tensor);
    state.erase(found);
    ++used;
  }
  if (used == 0) {
    throw Error(ErrorCode::kModel, recipe.init, "has no tensor that fits the model", "check init and init_prefix of the recipe");
  }
  spdlog::info("{}: {} of {} tensors start {} of the model's {}", recipe.init, used, start.size(), used, used + state.size());
  const bool has_stpd = std::any_of(start.begin(), start.end(), [](const auto& item) { return item.first.starts_with("stpd."); });
  if (network.temporal && network.config.temporal.stpd && !has_stpd) start_stpd(network);
  if (recipe.stage != Stage::kTemporal) return;
  for (const auto& item : model::state_of(*network.spatial)) {
    if (!state.contains(item.first)) continue;
    throw Error(ErrorCode::kModel, recipe.init,
                "has no tensor that fits " + item.first + " of the spatial phase, which this stage freezes",
                "train the spatial phase of this config first, or start from the model file that belongs to it");
  }
}

}  // namespace

Network make_network(const Recipe& recipe) {
  Network network;
  network.config = model::load_model_config(recipe.model);
  if (recipe.stage == Stage::kSpatial) {
    network.config.temporal = {};
  } else if (!network.config.temporal.enabled) {
    throw Error(ErrorCode::kUsage, recipe.model, "has no temporal phase to train",
                "add a [temporal] section with enabled = true, or set stage = \"spatial\"");
  }
  const model::TemporalConfig& temporal = network.config.temporal;
  if (temporal.enabled && !temporal.stpe && !temporal.stpd && !temporal.icm) {
    throw Error(ErrorCode::kUsage, recipe.model + ": temporal", "stpe, icm and stpd are all off, nothing is left to train",
                "turn one of them on");
  }
  torch::manual_seed(recipe.seed);
  network.spatial = std::make_shared<model::SpatialModel>(network.config);
  if (temporal.enabled) network.temporal = std::make_shared<model::Vepe>(network.config, temporal);
  initialise(network, recipe);
  network.spatial->compute_in_bfloat16(recipe.precision == "bf16");
  if (network.temporal) network.temporal->train();
  network.spatial->train(recipe.stage != Stage::kTemporal);
  if (recipe.stage == Stage::kTemporal) {
    for (torch::Tensor& parameter : network.spatial->parameters()) parameter.set_requires_grad(false);
  }
  return network;
}

NamedParameters trained_parameters(const Network& network, Stage stage) {
  return stage == Stage::kTemporal ? parameters_of(*network.temporal) : parameters_of(*network.spatial, network.temporal.get());
}

model::NamedTensors trained_state(const Network& network, Stage stage) {
  return stage == Stage::kTemporal ? model::state_of(*network.temporal) : network.state();
}

std::vector<double> joint_sigmas(const model::ModelConfig& config, const std::string& config_name) {
  const formats::JointSet* joints = formats::find_joint_set(config.keypoints);
  if (!joints || joints->size() != config.keypoint_count) {
    throw Error(ErrorCode::kUsage, config_name + ": model.keypoints", "unknown joint set " + config.keypoints,
                "use coco17, posetrack15 or crowdpose14");
  }
  return joints->sigmas;
}

}  // namespace vepe::train
