#pragma once

#include <cstdint>
#include <string>

#include <torch/torch.h>

#include "core/safetensors.h"

// For tests: the golden backbones have no weight files; a formula fills every tensor from its name.
namespace vepe::model::golden {

// 64-bit FNV-1a of `name`, the seed of that tensor.
inline std::uint64_t seed_of(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3ULL;
  return hash;
}

// Element `index`: uniform in [0, 1), by SplitMix64.
inline double uniform(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + index + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 40) / 16777216.0;
}

inline bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The float32 tensor that the formula gives for a name and a shape.
inline at::Tensor tensor(const std::string& name, at::IntArrayRef shape) {
  at::Tensor result = torch::empty(shape, torch::kFloat32);
  const std::uint64_t seed = seed_of(name);
  const auto count = static_cast<std::uint64_t>(result.numel());
  double low = -0.1, range = 0.2;  // biases
  if (name.rfind("input", 0) == 0) {
    low = -2, range = 4;
  } else if (ends_with(name, "running_mean")) {
    low = -0.2, range = 0.4;
  } else if (ends_with(name, "running_var")) {
    low = 0.5, range = 1;
  } else if (ends_with(name, "relative_position_bias_table")) {
    low = -0.5, range = 1;
  } else if (shape.size() >= 2) {
    const double bound = std::sqrt(3.0 / (static_cast<double>(count) / static_cast<double>(shape[0])));
    low = -bound, range = 2 * bound;
  } else if (ends_with(name, "weight")) {
    low = 0.4, range = 0.4;
  }
  // `v * bound` and not `low + u * range`, where the two differ in the last bit.
  const bool symmetric = low == -range / 2;
  float* out = result.data_ptr<float>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const double u = uniform(seed, i);
    out[i] = static_cast<float>(symmetric ? (2 * u - 1) * -low : low + u * range);
  }
  return result;
}

// Fills all parameters and floating-point buffers of `module`.
inline void fill(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) item.value().copy_(tensor(item.key(), item.value().sizes()));
  for (auto& item : module.named_buffers()) {
    if (item.value().is_floating_point()) item.value().copy_(tensor(item.key(), item.value().sizes()));
  }
}

inline at::Tensor read(const SafetensorsFile& file, const std::string& name) {
  const TensorView& view = file.at(name);
  at::Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  std::memcpy(tensor.data_ptr(), view.data, view.size_bytes);
  return tensor;
}

inline std::string path(const std::string& name) { return std::string(VEPE_SOURCE_DIR) + "/tests/data/backbones/" + name; }

inline double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  return (a - b).abs().max().item<double>();
}

}  // namespace vepe::model::golden
