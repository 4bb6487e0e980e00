#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/spatial_model.h"
#include "model/tensor_io.h"
#include "model/vepe.h"

namespace vepe::model {

// A model file is a safetensors file: every parameter and buffer under its module name, and metadata
//   format = "vepe-model 1", config = the whole TOML text, and what the trainer knows (data, steps, seed, revision,
//   licence, attribution), each under its own key.
struct LoadedModel {
  std::shared_ptr<SpatialModel> model;  // eval mode, fp32
  std::shared_ptr<Vepe> temporal;       // the same; null when the config says that there is no temporal phase
  std::map<std::string, std::string> metadata;
};

// Throws Error(kModel) that says what differs: missing, unexpected, wrong shape or type.
LoadedModel load_model(const std::filesystem::path& path);

// Floating-point tensors are stored as fp16 with `half`, else as fp32. `temporal` is null for a model of the spatial phase
// alone. Throws Error(kOutput).
void save_model(const std::filesystem::path& path, const SpatialModel& model, const Vepe* temporal,
                std::map<std::string, std::string> metadata, bool half);

// Parameters and buffers by name, of one module or of a spatial model and its temporal phase, whose names do not collide.
NamedTensors state_of(const torch::nn::Module& module, const torch::nn::Module* more = nullptr);

// Copies `state` into the modules' own tensors (`own`, from state_of); every name of both sides must fit. `name` stands for
// the file in messages. Throws Error(kModel).
void load_state(const NamedTensors& own, const NamedTensors& state, const std::string& name);

}  // namespace vepe::model
