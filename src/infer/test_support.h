#pragma once

// Helpers of the tests of inference: a temporal model and a few frames with people in them.

#include <filesystem>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

#include "model/model_file.h"
#include "video/reader.h"

namespace vepe::infer::testing_support {

inline std::filesystem::path folder(const std::string& name) {
  const auto path = std::filesystem::path(testing::TempDir()) / ("vepe_infer_" + std::to_string(::getpid())) / name;
  std::filesystem::create_directories(path);
  return path;
}

inline std::filesystem::path shipped_model() { return VEPE_SOURCE_DIR "/models/vepe-tiny.safetensors"; }

// The shipped model's spatial phase under a temporal phase of random weights, which moves poses and changes scores a little.
inline std::filesystem::path temporal_model(const std::string& name, model::TemporalConfig temporal = {}) {
  const std::filesystem::path path = folder("models") / (name + ".safetensors");
  const torch::NoGradGuard no_grad;
  const model::LoadedModel shipped = model::load_model(shipped_model());
  model::ModelConfig config = shipped.model->config();
  temporal.enabled = true;
  if (temporal.stdme_first_level == 0) temporal.stdme_first_level = 2;
  config.temporal = temporal;
  torch::manual_seed(5);
  model::SpatialModel spatial(config);
  model::load_state(model::state_of(spatial), model::state_of(*shipped.model), "shipped model");
  model::Vepe phase(config, temporal);
  for (auto& parameter : phase.parameters()) parameter.add_(torch::randn_like(parameter) * 0.02);
  model::save_model(path, spatial, &phase, {}, false);
  return path;
}

// The spatial phase alone, whatever the shipped model holds.
inline std::filesystem::path spatial_model(const std::string& name) {
  const std::filesystem::path path = folder("models") / (name + ".safetensors");
  const model::LoadedModel shipped = model::load_model(shipped_model());
  model::ModelConfig config = shipped.model->config();
  config.temporal = {};
  model::SpatialModel spatial(config);
  model::load_state(model::state_of(spatial), model::state_of(*shipped.model), "shipped model");
  model::save_model(path, spatial, nullptr, {}, false);
  return path;
}

inline const char* kVideo = VEPE_SOURCE_DIR "/tests/data/video/torture/base_384x288_30f.mp4";

inline std::vector<video::Frame> frames_of(const std::string& video, std::size_t count) {
  video::VideoReader reader(video);
  std::vector<video::Frame> frames;
  for (video::Frame frame; frames.size() < count && reader.read(frame); frame = {}) frames.push_back(frame);
  EXPECT_EQ(frames.size(), count);
  return frames;
}

}  // namespace vepe::infer::testing_support
