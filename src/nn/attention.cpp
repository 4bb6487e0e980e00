#include "nn/attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/deform_attn.h"

namespace vepe::nn {
namespace {

// Sampling and projecting are both linear, so their order is free: few samples are cheaper to project than many tokens.
// From here on samples cost more than the projection of the memory (measured at C = 96, kernel against matrix product).
bool few(std::int64_t samples, std::int64_t tokens, std::int64_t channels) { return samples < tokens * channels / 40; }

// memory [B, S, 1, C], or [B, S, 1, C + 1] whose last channel is 0 on padding and 1 elsewhere -> [B, S, M, D]
Tensor project_tokens(const Tensor& memory, std::int64_t heads, const Tensor& weight, const Tensor& bias) {
  const std::int64_t B = memory.size(0), S = memory.size(1), C = weight.size(0);
  Tensor value = torch::linear(memory.slice(3, 0, C).reshape({B, S, C}).to(weight.scalar_type()), weight, bias);
  if (memory.size(3) > C) value = value * memory.slice(3, C).reshape({B, S, 1}).to(weight.scalar_type());
  return value.view({B, S, heads, C / heads});
}

// The same memory sampled as it is, then projected; locations [B, N, M, L, P, 2], weights [B, N, M, L, P] -> [B, N, C].
Tensor project_samples(const Tensor& memory, const ops::LevelShapes& shapes, const Tensor& locations, const Tensor& weights,
                       const Tensor& weight, const Tensor& bias) {
  const std::int64_t B = memory.size(0), S = memory.size(1), C = weight.size(0);
  const std::int64_t N = weights.size(1), M = weights.size(2), L = weights.size(3), P = weights.size(4);
  const Tensor places = locations.reshape({B, N * M, 1, L, P, 2}), shares = weights.reshape({B, N * M, 1, L, P});
  const Tensor sampled = ops::deform_attn(memory, shapes, places, shares);  // [B, N * M, C or C + 1]
  // The bias counts as far as a sample lies on the map.
  const Tensor inside = memory.size(3) > C ? sampled.slice(2, C)
                                           : ops::deform_attn(torch::ones({B, S, 1, 1}, memory.options()), shapes, places, shares);
  const auto by_head = [&](const Tensor& x) {
    return x.reshape({B * N, M, x.size(2)}).transpose(0, 1);
  };                                                                                               // [M, B N, *], N may be 0
  const Tensor head_weight = weight.to(memory.scalar_type()).view({M, C / M, C}).transpose(1, 2);  // [M, C, D]
  const Tensor head_bias = bias.to(memory.scalar_type()).view({M, 1, C / M});
  const Tensor projected = torch::bmm(by_head(sampled.slice(2, 0, C)), head_weight) + by_head(inside) * head_bias;  // [M, B N, D]
  return projected.transpose(0, 1).reshape({B, N, C});
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(std::int64_t channels, std::int64_t heads, double dropout)
    : heads_(heads), dropout_(dropout) {
  TORCH_CHECK(channels % heads == 0, "channels must be a multiple of heads");
  in_proj_weight_ = register_parameter("in_proj_weight", torch::empty({3 * channels, channels}));
  in_proj_bias_ = register_parameter("in_proj_bias", torch::zeros({3 * channels}));
  out_proj_ = register_module("out_proj", torch::nn::Linear(channels, channels));
  torch::nn::init::xavier_uniform_(in_proj_weight_);
  torch::nn::init::xavier_uniform_(out_proj_->weight);
  torch::nn::init::zeros_(out_proj_->bias);
}

Tensor MultiHeadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& allowed) {
  return forward(query, key, value, allowed, {});
}

Tensor MultiHeadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& allowed,
                                   const Tensor& relation) {
  const auto weights = in_proj_weight_.chunk(3);
  const auto biases = in_proj_bias_.chunk(3);
  const std::int64_t batch = query.size(0), queries = query.size(1), channels = query.size(2), keys = key.size(1);
  const auto split = [&](const Tensor& x) {
    return x.view({batch, -1, heads_, channels / heads_}).transpose(1, 2);
  };  // [B, M, *, D]
  const Tensor q = split(torch::linear(query, weights[0], biases[0])) / std::sqrt(static_cast<double>(channels / heads_));
  const Tensor k = split(torch::linear(key, weights[1], biases[1]));
  const Tensor v = split(torch::linear(value, weights[2], biases[2]));
  if (keys == 0) return torch::zeros_like(query);

  Tensor logits = torch::matmul(q, k.transpose(-2, -1));  // [B, M, N, R]
  Tensor pair_values;                                     // [B, N, M, R, D]
  if (relation.defined()) {
    const Tensor pairs = relation.view({batch, queries, keys, 2, heads_, channels / heads_});
    const Tensor pair_keys = pairs.select(3, 0).permute({0, 1, 3, 4, 2});  // [B, N, M, D, R]
    logits = logits + torch::matmul(q.transpose(1, 2).unsqueeze(3), pair_keys).squeeze(3).transpose(1, 2);
    pair_values = pairs.select(3, 1).transpose(2, 3);
  }
  Tensor seeing;  // [B, N, 1]
  if (allowed.defined()) {
    seeing = allowed.any(-1, true);
    // A row with nothing allowed is softmaxed over all keys and then multiplied by 0: finite in both directions.
    logits = logits.masked_fill((~(allowed | ~seeing)).unsqueeze(1), -std::numeric_limits<float>::infinity());
  }
  Tensor attention = torch::softmax(logits, -1);
  if (dropout_ > 0) attention = torch::dropout(attention, dropout_, is_training());
  Tensor mixed = torch::matmul(attention, v).transpose(1, 2);  // [B, N, M, D]
  if (relation.defined()) mixed = mixed + torch::matmul(attention.transpose(1, 2).unsqueeze(3), pair_values).squeeze(3);
  Tensor output = out_proj_->forward(mixed.reshape({batch, queries, channels}));
  if (seeing.defined()) output = output * seeing.to(output.scalar_type());
  return dropout_ > 0 ? torch::dropout(output, dropout_, is_training()) : output;
}

DeformableAttention::DeformableAttention(const Options& options) : options_(options) {
  const std::int64_t samples = options.heads * options.levels * options.points;
  sampling_offsets_ = register_module("sampling_offsets", torch::nn::Linear(options.channels, samples * 2));
  attention_weights_ = register_module("attention_weights", torch::nn::Linear(options.channels, samples));
  value_proj_ = register_module("value_proj", torch::nn::Linear(options.channels, options.channels));
  output_proj_ = register_module("output_proj", torch::nn::Linear(options.channels, options.channels));
  reset_parameters();
}

// PETR: offsets of the plain form point outwards on a circle, one direction a head, point p at distance p + 1; the
// pose form starts on its keypoints. All attention weights start equal.
void DeformableAttention::reset_parameters() {
  torch::NoGradGuard no_grad;
  torch::nn::init::zeros_(sampling_offsets_->weight);
  torch::nn::init::zeros_(sampling_offsets_->bias);
  if (!options_.pose) {
    auto bias = sampling_offsets_->bias.view({options_.heads, options_.levels, options_.points, 2});
    for (std::int64_t head = 0; head < options_.heads; ++head) {
      const double angle = 2.0 * std::numbers::pi * static_cast<double>(head) / static_cast<double>(options_.heads);
      double x = std::cos(angle), y = std::sin(angle);
      const double largest = std::max(std::abs(x), std::abs(y));
      x /= largest;
      y /= largest;
      for (std::int64_t point = 0; point < options_.points; ++point) {
        bias.index({head, torch::indexing::Slice(), point, 0}).fill_(x * static_cast<double>(point + 1));
        bias.index({head, torch::indexing::Slice(), point, 1}).fill_(y * static_cast<double>(point + 1));
      }
    }
  }
  torch::nn::init::zeros_(attention_weights_->weight);
  torch::nn::init::zeros_(attention_weights_->bias);
  for (auto& linear : {value_proj_, output_proj_}) {
    torch::nn::init::xavier_uniform_(linear->weight);
    torch::nn::init::zeros_(linear->bias);
  }
}

ProjectedValue DeformableAttention::project(const Tensor& tokens, const ops::LevelShapes& shapes, const Tensor& padding,
                                            std::optional<std::int64_t> queries) const {
  const std::int64_t B = tokens.size(0), S = tokens.size(1);
  const std::int64_t samples = queries.value_or(S) * options_.heads * static_cast<std::int64_t>(shapes.size()) * options_.points;
  const bool may_wait = options_.pose || few(samples, S, options_.channels);
  if (may_wait && options_.heads > 1 && !torch::GradMode::is_enabled()) {  // `sample` decides, which knows the number of samples
    if (!padding.defined()) return {tokens.reshape({B, S, 1, options_.channels}), shapes};
    const Tensor real = padding.logical_not().to(tokens.scalar_type()).unsqueeze(-1);
    return {torch::cat({tokens * real, real}, 2).unsqueeze(2), shapes};
  }
  Tensor value = torch::linear(tokens.to(value_proj_->weight.scalar_type()), value_proj_->weight, value_proj_->bias);
  if (padding.defined()) value = value.masked_fill(padding.unsqueeze(-1), 0.0);
  return {value.view({B, S, options_.heads, options_.channels / options_.heads}), shapes};
}

Tensor DeformableAttention::forward(const Tensor& query, const Tensor& query_position, const Tensor& reference,
                                    const ProjectedValue& value) const {
  return forward(query, query_position, reference, std::vector<ProjectedValue>{value});
}

Tensor DeformableAttention::forward(const Tensor& query, const Tensor& query_position, const Tensor& reference,
                                    const std::vector<ProjectedValue>& memories) const {
  const std::int64_t B = query.size(0), N = query.size(1), M = options_.heads, L = options_.levels, P = options_.points;
  ops::expect_shape(query, {-1, -1, options_.channels}, "query");
  ops::LevelShapes shapes;
  for (const ProjectedValue& memory : memories) shapes.insert(shapes.end(), memory.shapes.begin(), memory.shapes.end());
  TORCH_CHECK(static_cast<std::int64_t>(shapes.size()) == L, "the memories have ", shapes.size(), " levels, want ", L);
  const Tensor positioned = query_position.defined() ? query + query_position : query;
  const Tensor offsets = torch::linear(positioned, sampling_offsets_->weight, sampling_offsets_->bias).view({B, N, M, L, P, 2});
  const Tensor weights = torch::linear(positioned, attention_weights_->weight, attention_weights_->bias)
                             .view({B, N, M, L * P})
                             .softmax(-1)
                             .view({B, N, M, L, P});

  Tensor locations;  // [B, N, M, L, P, 2] in 0..1 of each level
  if (options_.pose) {
    ops::expect_shape(reference, {B, N, L, P, 2}, "reference");
    const Tensor low = std::get<0>(reference.min(3, true)), high = std::get<0>(reference.max(3, true));
    const Tensor extent = (high - low).clamp_min(1e-4) * 0.5;  // [B, N, L, 1, 2]
    locations = reference.unsqueeze(2) + offsets * extent.unsqueeze(2);
  } else {
    ops::expect_shape(reference, {B, N, L, 2}, "reference");
    Tensor cells = torch::empty({L, 1, 2}, offsets.options());  // width, height of each level
    for (std::int64_t level = 0; level < L; ++level) {
      cells[level][0][0] = static_cast<double>(shapes[static_cast<std::size_t>(level)].width);
      cells[level][0][1] = static_cast<double>(shapes[static_cast<std::size_t>(level)].height);
    }
    locations = reference.view({B, N, 1, L, 1, 2}) + offsets / cells;
  }
  Tensor sampled;  // [B, N, C], the sum over the memories
  std::int64_t level = 0;
  for (const ProjectedValue& memory : memories) {
    const auto count = static_cast<std::int64_t>(memory.shapes.size());
    const Tensor part = sample(memory, locations.narrow(3, level, count), weights.narrow(3, level, count));
    sampled = sampled.defined() ? sampled + part : part;
    level += count;
  }
  Tensor output = torch::linear(sampled, output_proj_->weight, output_proj_->bias);
  if (options_.dropout > 0) output = torch::dropout(output, options_.dropout, is_training());
  return output + query;
}

// locations [B, N, M, L', P, 2], weights [B, N, M, L', P] over the L' levels of this memory -> [B, N, C]
Tensor DeformableAttention::sample(const ProjectedValue& memory, const Tensor& locations, const Tensor& weights) const {
  const std::int64_t M = options_.heads, samples = weights.numel() / std::max<std::int64_t>(weights.size(0), 1);
  const Tensor& value = memory.value;
  if (value.size(2) == M) return ops::deform_attn(value, memory.shapes, locations, weights);
  if (few(samples, value.size(1), options_.channels))
    return project_samples(value, memory.shapes, locations, weights, value_proj_->weight, value_proj_->bias);
  const Tensor values = project_tokens(value, M, value_proj_->weight, value_proj_->bias);
  return ops::deform_attn(values, memory.shapes, locations, weights);
}

}  // namespace vepe::nn
