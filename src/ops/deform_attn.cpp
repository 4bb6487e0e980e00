#include "ops/deform_attn.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <hwy/aligned_allocator.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "ops/deform_attn_kernel.h"
#include "ops/deform_attn_reference.h"

namespace vepe::ops {
namespace {

constexpr std::int64_t kMaxLevelSide = std::int64_t{1} << 24;  // sides are held as float

// Checks every argument against the others; after this the kernels may trust all indices.
DeformAttnSizes checked_sizes(const at::Tensor& value, const LevelShapes& shapes, const at::Tensor& locations,
                              const at::Tensor& weights) {
  expect_shape(value, {-1, -1, -1, -1}, "deform_attn value");
  expect_shape(locations, {value.size(0), -1, value.size(2), static_cast<std::int64_t>(shapes.size()), -1, 2},
               "deform_attn locations");
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
    throw Error(ErrorCode::kUsage, "deform_attn value",
                fmt::format("has {} tokens, the levels have {}", sizes.tokens, token_count(shapes)));
  }
  if (!value.device().is_cpu() || !locations.device().is_cpu() || !weights.device().is_cpu()) {
    throw Error(ErrorCode::kDevice, "deform_attn", "tensors must be on the CPU");
  }
  return sizes;
}

std::int64_t padded_channels(std::int64_t channels) {
  const std::int64_t lanes = channels > 8 ? 16 : channels > 4 ? 8 : 4;
  return (channels + lanes - 1) / lanes * lanes;
}

// How a call reads values: in place, or packed, one head at a time into a buffer of the thread, in which the rows lie
// together and are padded with zeros to whole vectors. There, neighbouring cells share cache lines and a head's levels
// nearly fit the cache; it is worth its price when every row is read several times.
struct Layout {
  const DeformAttnSizes& sizes;
  bool packed = sizes.queries * sizes.points_per_head() >= 4 * sizes.tokens;
  std::int64_t row_channels = packed ? padded_channels(sizes.channels) : sizes.channels;
  std::int64_t token_stride = packed ? row_channels : sizes.channels * sizes.heads;

  explicit Layout(const DeformAttnSizes& sizes) : sizes(sizes) {
    if (sizes.tokens > std::numeric_limits<std::int32_t>::max() / token_stride) {
      throw Error(ErrorCode::kUsage, "deform_attn value",
                  fmt::format("{} tokens of {} elements are too many", sizes.tokens, token_stride));
    }
  }
  std::size_t packed_size() const { return static_cast<std::size_t>(sizes.tokens * row_channels); }
  // Head i = b * M + m within [B, S, M, D], and its first row within [B, N, M].
  std::int64_t value_start(std::int64_t i) const {
    return (i / sizes.heads * sizes.tokens * sizes.heads + i % sizes.heads) * sizes.channels;
  }
  std::int64_t query_row(std::int64_t i) const { return i / sizes.heads * sizes.queries * sizes.heads + i % sizes.heads; }
};

// The values of one head after another, packed if the layout says so.
template <typename T>
class HeadValues {
 public:
  HeadValues(const Layout& layout, const T* value) : layout_(layout), value_(value) {
    if (layout.packed) buffer_ = hwy::AllocateAligned<T>(layout.packed_size());
  }

  const T* rows(std::int64_t i) {
    const T* from = value_ + layout_.value_start(i);
    if (!layout_.packed) return from;
    if (i != held_) pack(from);
    held_ = i;
    return buffer_.get();
  }

 private:
  void pack(const T* from) {
    const std::int64_t channels = layout_.sizes.channels, stride = channels * layout_.sizes.heads, row = layout_.row_channels;
    T* to = buffer_.get();
    for (std::int64_t s = 0; s < layout_.sizes.tokens; ++s, from += stride, to += row) {
      std::memcpy(to, from, static_cast<std::size_t>(channels) * sizeof(T));
      std::fill(to + channels, to + row, T(0));
    }
  }

  const Layout& layout_;
  const T* value_;
  hwy::AlignedFreeUniquePtr<T[]> buffer_;
  std::int64_t held_ = -1;
};

DeformAttnHead head_of(const Layout& layout, const DeformAttnPoints& points, std::int64_t i, const float* locations,
                       const float* weights) {
  const std::int64_t first = layout.query_row(i) * layout.sizes.points_per_head();
  return {&points, layout.sizes.channels, layout.row_channels,   layout.token_stride, layout.sizes.heads,
          0,       layout.sizes.queries,  locations + 2 * first, weights + first};
}

template <typename T>
void forward_heads(const DeformAttnSizes& sizes, const T* value, const float* locations, const float* weights, float* output) {
  const DeformAttnPoints points(sizes);
  const Layout layout(sizes);
  // Each head's queries are split so that the parts divide evenly among the threads.
  const std::int64_t heads = sizes.batch * sizes.heads, threads = at::get_num_threads(), parts = threads / std::gcd(heads, threads);
  at::parallel_for(0, heads * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    HeadValues<T> values(layout, value);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t i = task / parts, part = task % parts;
      DeformAttnHead head = head_of(layout, points, i, locations, weights);
      head.query_begin = sizes.queries * part / parts;
      head.query_end = sizes.queries * (part + 1) / parts;
      if (head.query_begin < head.query_end)
        deform_attn_head_forward(head, values.rows(i), output + layout.query_row(i) * sizes.channels);
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
  const float* at_locations = locations.data_ptr<float>();
  const float* at_weights = weights.data_ptr<float>();
  if (value.scalar_type() == at::kBFloat16) {
    forward_heads(sizes, static_cast<const std::uint16_t*>(value.data_ptr()), at_locations, at_weights, output.data_ptr<float>());
  } else {
    forward_heads(sizes, value.data_ptr<float>(), at_locations, at_weights, output.data_ptr<float>());
  }
  return output;
}

struct Gradients {
  at::Tensor value, locations, weights;
};

// Each head of each batch item is one task: it alone adds to its values' gradient, in the order of the queries, so the
// result is the same to the last bit at any number of threads.
void backward_heads(const DeformAttnSizes& sizes, const at::Tensor& value, const at::Tensor& locations, const at::Tensor& weights,
                    const at::Tensor& grad_output, const Gradients& gradients) {
  const DeformAttnPoints points(sizes);
  const Layout layout(sizes);
  const float *all_values = value.data_ptr<float>(), *grads = grad_output.data_ptr<float>();
  const float *all_locations = locations.data_ptr<float>(), *all_weights = weights.data_ptr<float>();
  float* grad_value = gradients.value.data_ptr<float>();
  float* grad_locations = gradients.locations.data_ptr<float>();
  float* grad_weights = gradients.weights.data_ptr<float>();
  if (!layout.packed) gradients.value.zero_();
  at::parallel_for(0, sizes.batch * sizes.heads, 1, [&](std::int64_t begin, std::int64_t end) {
    HeadValues<float> values(layout, all_values);
    const auto sums = hwy::AllocateAligned<float>(layout.packed ? layout.packed_size() : 1);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = layout.query_row(i), point = row * sizes.points_per_head();
      float* to = grad_value + layout.value_start(i);
      if (layout.packed) std::fill_n(sums.get(), layout.packed_size(), 0.0F);
      deform_attn_head_backward(head_of(layout, points, i, all_locations, all_weights), values.rows(i),
                                grads + row * sizes.channels, layout.packed ? sums.get() : to, grad_locations + 2 * point,
                                grad_weights + point);
      if (!layout.packed) continue;
      for (std::int64_t s = 0; s < sizes.tokens; ++s) {
        std::copy_n(sums.get() + s * layout.row_channels, sizes.channels, to + s * sizes.heads * sizes.channels);
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
    backward_heads(sizes, value, locations, weights, grad_output, gradients);
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

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grad_outputs) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorCode::kUsage, "deform_attn", "has no second derivative");
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
  const bool needs_gradient =
      at::GradMode::is_enabled() && (value.requires_grad() || locations.requires_grad() || weights.requires_grad());
  const at::ScalarType type = value.scalar_type();
  const at::ScalarType points_type = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto fits = [&](const at::Tensor& tensor) {
    return tensor.scalar_type() == points_type || (type != at::kDouble && tensor.scalar_type() == at::kBFloat16);
  };
  if ((type != at::kFloat && type != at::kBFloat16 && type != at::kDouble) || !fits(locations) || !fits(weights)) {
    throw Error(ErrorCode::kUsage, "deform_attn",
                fmt::format("value {}, locations {}, weights {}: want float or bfloat16, or all double", c10::toString(type),
                            c10::toString(locations.scalar_type()), c10::toString(weights.scalar_type())));
  }

  const at::Tensor points = locations.to(points_type).contiguous(), attention = weights.to(points_type).contiguous();
  if (!needs_gradient) return forward(sizes, value.contiguous(), points, attention);
  // Gradients are summed in fp32 whatever the values come in.
  return DeformAttnFunction::apply(value.to(points_type).contiguous(), points, attention, Levels{shapes});
}

}  // namespace vepe::ops
