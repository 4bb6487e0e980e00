#pragma once

// Helpers of the tests of the temporal phase: a model small enough for finite differences, random frames.

#include <functional>

#include <gtest/gtest.h>

#include "model/vepe.h"

namespace vepe::model::temporal_testing {

// Two levels, three keypoints, two heads of four channels.
inline ModelConfig small_config(const std::string& proposals = "encoder") {
  ModelConfig config;
  config.channels = 8;
  config.heads = 2;
  config.feed_forward = 12;
  config.dropout = 0;
  config.keypoint_count = 3;
  config.backbone.type = "movenet";
  config.neck.inputs = {"p4", "p8"};
  config.neck.extra_levels = 0;
  config.proposals.type = proposals;
  config.proposals.queries = 6;
  config.pose_decoder.head_hidden = 10;
  return config;
}

inline TemporalConfig small_temporal() {
  TemporalConfig config;
  config.enabled = true;
  config.instance_layers = 1;
  config.stpe_layers = 1;
  config.stpd_layers = 2;
  config.points = 2;
  config.mask_threshold = -1;  // the embeddings are random
  return config;
}

// Away from the symmetric start, where heads block gradients and sampling points lie on the kinks of the interpolation.
inline void randomise(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) parameter.copy_(torch::randn_like(parameter) * 0.3);
}

inline Memory random_memory(const ops::LevelShapes& shapes, torch::ScalarType type, std::int64_t batch = 1,
                            std::int64_t channels = 8) {
  Memory memory;
  memory.shapes = shapes;
  memory.tokens = torch::randn({batch, ops::token_count(shapes), channels}, type);
  memory.valid_ratios = torch::ones({batch, static_cast<std::int64_t>(shapes.size()), 2}, type);
  return memory;
}

// Six queries, of which those in `people` have a score above the threshold.
inline FrameFeatures random_frame(const std::vector<std::int64_t>& people, torch::ScalarType type = torch::kFloat,
                                  const ops::LevelShapes& shapes = {{4, 5}, {2, 3}}) {
  FrameFeatures frame;
  frame.memory = random_memory(shapes, type);
  frame.query = torch::randn({6, 8}, type);
  frame.score_logit = torch::full({6}, -4, type);
  for (const std::int64_t person : people) frame.score_logit[person] = 1 + 0.1 * static_cast<double>(person);
  frame.keypoints = torch::rand({6, 3, 2}, type) * 0.8 + 0.1;
  frame.keypoint_scores = torch::rand({6, 3}, type);
  const Tensor rows = torch::randn({6, 8}, type);
  frame.embedding = rows / rows.norm(2, 1, true);
  return frame;
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes()) return 1e30;
  return a.numel() == 0 ? 0 : (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
}

// A scalar that sees every element of a tensor with a weight of its own.
inline Tensor mixed(const Tensor& tensor) {
  const Tensor weights = torch::arange(1, tensor.numel() + 1, tensor.options().requires_grad(false)).mul(0.7).cos();
  return (tensor.flatten() * weights).sum();
}

// Compares the gradient of `function` in each of `leaves` (double) with central differences along two random directions.
inline void expect_gradients(const std::function<Tensor()>& function, const std::vector<std::pair<std::string, Tensor>>& leaves) {
  for (const auto& [name, leaf] : leaves) leaf.mutable_grad() = Tensor();
  function().backward();
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  for (const auto& [name, leaf] : leaves) {
    ASSERT_TRUE(leaf.grad().defined()) << name;
    for (int i = 0; i < 2; ++i) {
      const Tensor direction = torch::randn_like(leaf);
      const Tensor start = leaf.clone();
      leaf.copy_(start + kStep * direction);
      const double high = function().item<double>();
      leaf.copy_(start - kStep * direction);
      const double low = function().item<double>();
      leaf.copy_(start);
      const double slope = (high - low) / (2 * kStep), gradient = (leaf.grad() * direction).sum().item<double>();
      EXPECT_NEAR(gradient, slope, 1e-6 * std::max(1.0, std::abs(slope))) << name;
    }
  }
}

inline std::vector<std::pair<std::string, Tensor>> parameters_of(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, Tensor>> parameters;
  for (const auto& item : module.named_parameters()) parameters.emplace_back(item.key(), item.value());
  return parameters;
}

}  // namespace vepe::model::temporal_testing
