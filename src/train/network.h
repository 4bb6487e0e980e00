#pragma once

#include <memory>
#include <vector>

#include "model/model_file.h"
#include "train/optimizer.h"
#include "train/recipe.h"

namespace vepe::train {

// A model in training: the spatial phase, and the temporal phase unless the stage is spatial.
struct Network {
  model::ModelConfig config;
  std::shared_ptr<model::SpatialModel> spatial;
  std::shared_ptr<model::Vepe> temporal;  // null in the spatial stage, whose model file then has no temporal phase either

  model::NamedTensors state() const { return model::state_of(*spatial, temporal.get()); }
};

// Builds the model of a recipe, starts it from recipe.init, and puts it into the mode of its stage: what the stage does not
// train is frozen and in eval mode. Throws Error(kUsage) when the stage needs a temporal phase that the config does not have,
// Error(kModel) when init does not fit, or lacks a part of the spatial phase that the stage freezes.
Network make_network(const Recipe& recipe);

// What the stage trains, and the state whose average is exported.
NamedParameters trained_parameters(const Network& network, Stage stage);
model::NamedTensors trained_state(const Network& network, Stage stage);

// OKS sigmas of the model's joint set. Throws Error(kUsage) naming `config_name` for an unknown one.
std::vector<double> joint_sigmas(const model::ModelConfig& config, const std::string& config_name);

}  // namespace vepe::train
