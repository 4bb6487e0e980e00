#pragma once

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "ops/shapes.h"

namespace vepe::nn {

using torch::Tensor;

// Multi-head attention with the parameter names and layout of torch's own (in_proj_weight [3C, C], rows q, k, v).
class MultiHeadAttention : public torch::nn::Module {
 public:
  MultiHeadAttention(std::int64_t channels, std::int64_t heads, double dropout);

  // query [B, N, C], key and value [B, R, C] -> [B, N, C] (no residual).
  // `allowed` [B, N, R] bool says which keys a query may see; undefined means all. A query that may see nothing
  // gets exactly 0, and no NaN flows through it in either direction.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& allowed = {});

  // The same with what each query knows of each key beside their contents ("Self-Attention with Relative Position
  // Representations", Shaw et al. 2018): `relation` [B, N, R, 2C] is added to the projected keys (first half of the
  // channels) and values (second half) of that pair.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& allowed, const Tensor& relation);

 private:
  std::int64_t heads_;
  double dropout_;
  Tensor in_proj_weight_, in_proj_bias_;
  torch::nn::Linear out_proj_{nullptr};
};

// The memory of B frames as deformable attention reads it: projected once, then shared by every query set.
struct ProjectedValue {
  Tensor value;             // [B, S, M, D], or the memory itself, [B, S, 1, C or C + 1], which is projected as it is read
  ops::LevelShapes shapes;  // L levels
};

// Multi-scale deformable attention (Deformable DETR). With `keypoints` > 0 it is PETR's pose attention: one sampling
// point a keypoint, which starts at that keypoint and moves in units of half the pose's box.
class DeformableAttention : public torch::nn::Module {
 public:
  struct Options {
    std::int64_t channels = 256, heads = 8, levels = 4, points = 4;
    bool pose = false;  // points = keypoints of the pose
    double dropout = 0.1;
  };
  explicit DeformableAttention(const Options& options);

  // tokens [B, S, C]; `padding` [B, S] bool, true on padding, may be undefined. `queries`: how many will read it, if known;
  // few of them, without gradients, leave the memory as it is. So does pose attention, which has few.
  ProjectedValue project(const Tensor& tokens, const ops::LevelShapes& shapes, const Tensor& padding,
                         std::optional<std::int64_t> queries = {}) const;

  // query, query_position [B, N, C] (position may be undefined) -> [B, N, C] with the residual (query before position).
  // Reference points are in 0..1 of each level's padded map:
  //   pose = false: [B, N, L, 2];  pose = true: [B, N, L, P, 2], point p at keypoint p.
  Tensor forward(const Tensor& query, const Tensor& query_position, const Tensor& reference, const ProjectedValue& value) const;

  // The same over several memories, each the next of the L levels: one softmax over all of them, nothing is copied together.
  Tensor forward(const Tensor& query, const Tensor& query_position, const Tensor& reference,
                 const std::vector<ProjectedValue>& memories) const;

 private:
  Tensor sample(const ProjectedValue& memory, const Tensor& locations, const Tensor& weights) const;
  void reset_parameters();

  Options options_;
  torch::nn::Linear sampling_offsets_{nullptr}, attention_weights_{nullptr}, value_proj_{nullptr}, output_proj_{nullptr};
};

}  // namespace vepe::nn
