#include "ops/deform_attn.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "ops/deform_attn_kernel.h"
#include "ops/deform_attn_reference.h"

namespace vepe::ops {
namespace {

constexpr std::int64_t kQueriesPerTask = 64;
constexpr std::int64_t kMaxLevelSide = std::int64_t{1} << 24;  // sides are held as float

// Checks every argument against the others; after this the kernels may trust all indices.
DeformAttnSizes checked_sizes(const at::Tensor& value, const LevelShapes& shapes, const at::Tensor& locations, const at::Tensor& weights) {
  expect_shape(value, {-1, -1, -1, -1}, "deform_attn value");
  expect_shape(locations, {value.size(0), -1, value.size(2), static_cast<std::int64_t>(shapes.size()), -1, 2}, "deform_attn locations");
  DeformAttnSizes sizes;
  sizes.batch = value.size(0);
  sizes.tokens = value.size(1);
  sizes.heads = value.size(2);
  sizes.channels = value.size(3);
  sizes.queries = locations.size(1);
  sizes.points = locations.size(4);
  expect_shape(weights, {sizes.batch, sizes.queries, sizes.heads, locations.size(3), sizes.points}, "deform_attn weights");

  std::int64_t start = 0;
  for (const LevelShape& shape : shapes) {
    if (shape.height < 1 || shape.width < 1 || shape.height >= kMaxLevelSide || shape.width >= kMaxLevelSide) {
      throw Error(ErrorCode::kUsage, "deform_attn", fmt::format("a level is {} x {}", shape.height, shape.width));
    }
    sizes.levels.push_back({start, shape.height, shape.width});
    start += shape.height * shape.width;
    if (start > sizes.tokens) break;
  }
  if (start != sizes.tokens) {
    throw Error(ErrorCode::kUsage, "deform_attn value", fmt::format("has {} tokens, the levels have {}", sizes.tokens, token_count(shapes)));
  }
  if (!value.device().is_cpu() || !locations.device().is_cpu() || !weights.device().is_cpu()) {
    throw Error(ErrorCode::kDevice, "deform_attn", "tensors must be on the CPU");
  }
  return sizes;
}

// A copy of the values in which each head's rows lie together, padded with zeros to whole vectors: neighbouring cells
// share cache lines, and a head's levels fit the cache. Worth its price when every row is read several times.
struct PackedValue {
  at::Tensor rows;  // [B, M, S, R]
  std::int64_t row_channels = 0;
};

std::int64_t padded_channels(std::int64_t channels) {
  const std::int64_t lanes = channels > 8 ? 16 : channels > 4 ? 8 : 4;
  return (channels + lanes - 1) / lanes * lanes;
}

bool worth_packing(const DeformAttnSizes& sizes) { return sizes.queries * sizes.points_per_head() >= 4 * sizes.tokens; }

template <typename T>
PackedValue pack(const DeformAttnSizes& sizes, const at::Tensor& value, const T* from) {
  PackedValue packed;
  packed.row_channels = padded_channels(sizes.channels);
  packed.rows = at::empty({sizes.batch, sizes.heads, sizes.tokens, packed.row_channels}, value.options());
  T* to = static_cast<T*>(packed.rows.data_ptr());
  const std::int64_t row = packed.row_channels, channels = sizes.channels, heads = sizes.heads, tokens = sizes.tokens;
  at::parallel_for(0, sizes.batch * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T* source = from + (i / heads * tokens * heads + i % heads) * channels;
      T* target = to + i * tokens * row;
      for (std::int64_t s = 0; s < tokens; ++s, source += heads * channels, target += row) {
        std::memcpy(target, source, static_cast<std::size_t>(channels) * sizeof(T));
        std::fill(target + channels, target + row, T(0));
      }
    }
  });
  return packed;
}

// What the kernel needs of one head, apart from values and outputs.
struct HeadPlan {
  const DeformAttnSizes& sizes;
  const DeformAttnPoints& points;
  const float* locations;
  const float* weights;
  bool packed;

  std::int64_t row_channels() const { return packed ? padded_channels(sizes.channels) : sizes.channels; }
  std::int64_t token_stride() const { return packed ? row_channels() : sizes.channels * sizes.heads; }

  // Offsets of head m of batch item b into values, into points, and into outputs.
  std::int64_t value_offset(std::int64_t b, std::int64_t m) const {
    return packed ? (b * sizes.heads + m) * sizes.tokens * row_channels() : (b * sizes.tokens * sizes.heads + m) * sizes.channels;
  }
  std::int64_t row(std::int64_t b, std::int64_t m) const { return b * sizes.queries * sizes.heads + m; }

  DeformAttnHead head(std::int64_t b, std::int64_t m, std::int64_t query_begin, std::int64_t query_end) const {
    const std::int64_t first = row(b, m) * sizes.points_per_head();
    return {&points, sizes.channels, row_channels(), token_stride(), sizes.heads, query_begin, query_end, locations + 2 * first, weights + first};
  }
};

void check_offsets(const DeformAttnSizes& sizes) {
  const std::int64_t widest = sizes.heads * padded_channels(sizes.channels);
  if (sizes.tokens > std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(widest, 1)) {
    throw Error(ErrorCode::kUsage, "deform_attn value", fmt::format("{} tokens of {} channels are too many", sizes.tokens, widest));
  }
}

template <typename T>
void forward_rows(const DeformAttnSizes& sizes, const at::Tensor& value, const float* locations, const float* weights, float* output) {
  const DeformAttnPoints points(sizes);
  const T* rows = static_cast<const T*>(value.data_ptr());
  PackedValue packed;
  const HeadPlan plan{sizes, points, locations, weights, worth_packing(sizes)};
  if (plan.packed) {
    packed = pack<T>(sizes, value, rows);
    rows = static_cast<const T*>(packed.rows.data_ptr());
  }
  const std::int64_t chunks = (sizes.queries + kQueriesPerTask - 1) / kQueriesPerTask;
  at::parallel_for(0, sizes.batch * sizes.heads * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end;) {
      const std::int64_t b = i / chunks / sizes.heads, m = i / chunks % sizes.heads;
      const std::int64_t first = i % chunks, last = std::min(chunks, first + end - i);
      const DeformAttnHead head = plan.head(b, m, first * kQueriesPerTask, std::min(last * kQueriesPerTask, sizes.queries));
      deform_attn_head_forward(head, rows + plan.value_offset(b, m), output + plan.row(b, m) * sizes.channels);
      i += last - first;
    }
  });
}

at::Tensor forward(const DeformAttnSizes& sizes, const at::Tensor& value, const at::Tensor& locations, const at::Tensor& weights) {
  at::Tensor output = at::empty({sizes.batch, sizes.queries, sizes.heads * sizes.channels}, locations.options());
  if (output.numel() == 0) return output;
  if (sizes.points_per_head() == 0) return output.zero_();
  if (value.scalar_type() == at::kDouble) {
    deform_attn_reference_forward(sizes, value.data_ptr<double>(), locations.data_ptr<double>(), weights.data_ptr<double>(),
                                  output.data_ptr<double>());
    return output;
  }
  check_offsets(sizes);
  const float* at_locations = locations.data_ptr<float>();
  const float* at_weights = weights.data_ptr<float>();
  if (value.scalar_type() == at::kBFloat16) {
    forward_rows<std::uint16_t>(sizes, value, at_locations, at_weights, output.data_ptr<float>());
  } else {
    forward_rows<float>(sizes, value, at_locations, at_weights, output.data_ptr<float>());
  }
  return output;
}

struct Gradients {
  at::Tensor value, locations, weights;
};

// Each head of each batch item is one task: it alone adds to its values' gradient, in the order of the queries, so the
// result is the same to the last bit at any number of threads.
void backward_rows(const DeformAttnSizes& sizes, const at::Tensor& value, const at::Tensor& locations, const at::Tensor& weights,
                   const at::Tensor& grad_output, const Gradients& gradients) {
  const DeformAttnPoints points(sizes);
  const HeadPlan plan{sizes, points, locations.data_ptr<float>(), weights.data_ptr<float>(), worth_packing(sizes)};
  const float* rows = value.data_ptr<float>();
  const float* grads = grad_output.data_ptr<float>();
  float* grad_value = gradients.value.data_ptr<float>();
  float* grad_locations = gradients.locations.data_ptr<float>();
  float* grad_weights = gradients.weights.data_ptr<float>();
  PackedValue packed;
  if (plan.packed) {
    packed = pack<float>(sizes, value, rows);
    rows = packed.rows.data_ptr<float>();
  } else {
    gradients.value.zero_();
  }
  const std::int64_t row = plan.row_channels(), channels = sizes.channels, heads = sizes.heads;
  at::parallel_for(0, sizes.batch * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    std::unique_ptr<float[]> sums(plan.packed ? new float[static_cast<std::size_t>(sizes.tokens * row)] : nullptr);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t b = i / heads, m = i % heads, first = plan.row(b, m);
      const std::int64_t point = first * sizes.points_per_head();
      float* to = grad_value + (b * sizes.tokens * heads + m) * channels;
      if (plan.packed) std::fill_n(sums.get(), sizes.tokens * row, 0.0F);
      deform_attn_head_backward(plan.head(b, m, 0, sizes.queries), rows + plan.value_offset(b, m), grads + first * channels,
                                plan.packed ? sums.get() : to, grad_locations + 2 * point, grad_weights + point);
      if (!plan.packed) continue;
      for (std::int64_t s = 0; s < sizes.tokens; ++s) {
        std::memcpy(to + s * heads * channels, sums.get() + s * row, static_cast<std::size_t>(channels) * sizeof(float));
      }
    }
  });
}

Gradients backward(const DeformAttnSizes& sizes, const at::Tensor& value, const at::Tensor& locations, const at::Tensor& weights,
                   const at::Tensor& grad_output) {
  const Gradients gradients{at::empty_like(value), at::empty_like(locations), at::empty_like(weights)};
  if (sizes.points_per_head() == 0 || grad_output.numel() == 0) {
    gradients.value.zero_();
    gradients.locations.zero_();
    gradients.weights.zero_();
  } else if (value.scalar_type() == at::kDouble) {
    deform_attn_reference_backward(sizes, value.data_ptr<double>(), locations.data_ptr<double>(), weights.data_ptr<double>(),
                                   grad_output.data_ptr<double>(), gradients.value.data_ptr<double>(),
                                   gradients.locations.data_ptr<double>(), gradients.weights.data_ptr<double>());
  } else {
    backward_rows(sizes, value, locations, weights, grad_output, gradients);
  }
  return gradients;
}

// Held in one object: a bare vector argument would count as one input per element.
struct Levels {
  LevelShapes shapes;
};

class DeformAttnFunction : public torch::autograd::Function<DeformAttnFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& value, const at::Tensor& locations,
                            const at::Tensor& weights, const Levels& levels) {
    context->save_for_backward({value, locations, weights});
    std::vector<std::int64_t> sides;
    for (const LevelShape& shape : levels.shapes) sides.insert(sides.end(), {shape.height, shape.width});
    context->saved_data["sides"] = sides;
    return ops::forward(checked_sizes(value, levels.shapes, locations, weights), value, locations, weights);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grad_outputs) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorCode::kUsage, "deform_attn", "second derivatives are not implemented");
    }
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const std::vector<std::int64_t> sides = context->saved_data["sides"].toIntVector();
    LevelShapes shapes;
    for (std::size_t i = 0; i + 1 < sides.size(); i += 2) shapes.push_back({sides[i], sides[i + 1]});
    const DeformAttnSizes sizes = checked_sizes(saved[0], shapes, saved[1], saved[2]);
    const Gradients gradients = ops::backward(sizes, saved[0], saved[1], saved[2], grad_outputs[0].contiguous());
    return {gradients.value, gradients.locations, gradients.weights, at::Tensor()};
  }
};

}  // namespace

at::Tensor deform_attn(const at::Tensor& value, const LevelShapes& shapes, const at::Tensor& locations, const at::Tensor& weights) {
  const DeformAttnSizes sizes = checked_sizes(value, shapes, locations, weights);
  const bool needs_gradient = at::GradMode::is_enabled() && (value.requires_grad() || locations.requires_grad() || weights.requires_grad());
  const at::ScalarType type = value.scalar_type();
  const at::ScalarType points_type = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto fits = [&](const at::Tensor& tensor) {
    return tensor.scalar_type() == points_type || (type != at::kDouble && tensor.scalar_type() == at::kBFloat16);
  };
  if ((type != at::kFloat && type != at::kBFloat16 && type != at::kDouble) || !fits(locations) || !fits(weights)) {
    throw Error(ErrorCode::kUsage, "deform_attn", fmt::format("value {}, locations {}, weights {}: want float or bfloat16, or all double",
                                                              c10::toString(type), c10::toString(locations.scalar_type()),
                                                              c10::toString(weights.scalar_type())));
  }

  const at::Tensor points = locations.to(points_type).contiguous(), attention = weights.to(points_type).contiguous();
  if (!needs_gradient) return forward(sizes, value.contiguous(), points, attention);
  // Gradients are summed in fp32 whatever the values come in.
  return DeformAttnFunction::apply(value.to(points_type).contiguous(), points, attention, Levels{shapes});
}

}  // namespace vepe::ops
