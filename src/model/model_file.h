#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/spatial_model.h"
#include "model/tensor_io.h"

namespace vepe::model {

// A model file is a safetensors file: every parameter and buffer under its module name, and metadata
//   format = "vepe-model 1", config = the whole TOML text, and what the trainer knows (data, steps, seed, revision,
//   licence, attribution), each under its own key.
struct LoadedModel {
  std::shared_ptr<SpatialModel> model;  // eval mode, fp32
  std::map<std::string, std::string> metadata;
};

// Throws Error(kModel) that says what differs: missing, unexpected, wrong shape or type.
LoadedModel load_model(const std::filesystem::path& path);

// Floating-point tensors are stored as fp16 with `half`, else as fp32. Throws Error(kOutput).
void save_model(const std::filesystem::path& path, const SpatialModel& model, std::map<std::string, std::string> metadata, bool half);

// Parameters and buffers by name.
NamedTensors state_of(const torch::nn::Module& module);

// Copies `state` into the module; every name of both sides must fit. `name` stands for the file in messages.
// Throws Error(kModel).
void load_state(torch::nn::Module& module, const NamedTensors& state, const std::string& name);

}  // namespace vepe::model
