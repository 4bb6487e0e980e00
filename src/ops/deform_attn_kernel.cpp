#include "ops/deform_attn_kernel.h"

#include <algorithm>
#include <cstring>

// Arrays of vectors are used below, which vectors of unknown length do not allow: Arm uses NEON.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/deform_attn_kernel.cpp"
#include <hwy/aligned_allocator.h>
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vepe::ops {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;

// What the points of one query and head turn into, before any value is read. Arrays over points.
class Corners {
 public:
  explicit Corners(std::size_t padded_count)
      : stride_(padded_count),
        floats_(hwy::AllocateAligned<float>(padded_count * kFloatArrays)),
        ints_(hwy::AllocateAligned<std::int32_t>(padded_count * 5)) {}

  // Corner 0..3 is (y0, x0), (y0, x1), (y1, x0), (y1, x1).
  float* weight(int corner) const { return floats_.get() + stride_ * static_cast<std::size_t>(corner); }
  float* valid(int corner) const { return floats_.get() + stride_ * static_cast<std::size_t>(4 + corner); }  // 1 or 0
  float* fx() const { return floats_.get() + stride_ * 8; }
  float* fy() const { return floats_.get() + stride_ * 9; }
  float* attention() const { return floats_.get() + stride_ * 10; }
  float* dots() const { return floats_.get() + stride_ * 11; }  // [points][4]
  std::int32_t* offset(int corner) const { return ints_.get() + stride_ * static_cast<std::size_t>(corner); }
  std::int32_t* inside() const { return ints_.get() + stride_ * 4; }  // not 0: at least one corner is on the level

 private:
  static constexpr std::size_t kFloatArrays = 15;
  std::size_t stride_;
  hwy::AlignedFreeUniquePtr<float[]> floats_;
  hwy::AlignedFreeUniquePtr<std::int32_t[]> ints_;
};

// Weights and row offsets of the corners of points i .. i + lanes. A corner off the level keeps the offset of its
// neighbour on the level and has weight 0. With kBackward also what the gradients need.
template <bool kBackward, class V>
HWY_INLINE void compute_corners(const DeformAttnHead& head, std::size_t i, V x, V y, V attention, const Corners& corners) {
  const Floats df;
  const Ints di;
  const auto zero = hn::Zero(df), one = hn::Set(df, 1.0F), half = hn::Set(df, 0.5F), minus_one = hn::Set(df, -1.0F);
  const auto width = hn::LoadU(df, head.points->width() + i), height = hn::LoadU(df, head.points->height() + i);

  // Product and difference stay apart: fused, targets would disagree about which cell holds a point on an edge.
  const auto px = hn::Sub(hn::Mul(x, width), half), py = hn::Sub(hn::Mul(y, height), half);
  const auto inside = hn::And(hn::And(hn::Gt(px, minus_one), hn::Lt(px, width)), hn::And(hn::Gt(py, minus_one), hn::Lt(py, height)));
  const auto sx = hn::IfThenElseZero(inside, px), sy = hn::IfThenElseZero(inside, py);
  const auto x0 = hn::Floor(sx), y0 = hn::Floor(sy);
  const auto x1 = hn::Add(x0, one), y1 = hn::Add(y0, one);
  const auto fx = hn::Sub(sx, x0), fy = hn::Sub(sy, y0);
  const auto x0_on = hn::Ge(x0, zero), x1_on = hn::Lt(x1, width), y0_on = hn::Ge(y0, zero), y1_on = hn::Lt(y1, height);

  const auto wx0 = hn::IfThenElseZero(x0_on, hn::Sub(one, fx)), wx1 = hn::IfThenElseZero(x1_on, fx);
  const auto wy0 = hn::Mul(attention, hn::IfThenElseZero(y0_on, hn::Sub(one, fy)));
  const auto wy1 = hn::Mul(attention, hn::IfThenElseZero(y1_on, fy));
  hn::Store(hn::Mul(wy0, wx0), df, corners.weight(0) + i);
  hn::Store(hn::Mul(wy0, wx1), df, corners.weight(1) + i);
  hn::Store(hn::Mul(wy1, wx0), df, corners.weight(2) + i);
  hn::Store(hn::Mul(wy1, wx1), df, corners.weight(3) + i);

  const auto stride = hn::Set(di, static_cast<std::int32_t>(head.token_stride));
  const auto start = hn::LoadU(di, head.points->start() + i);
  const auto row_length = hn::ConvertTo(di, width);
  const auto column0 = hn::ConvertTo(di, hn::Max(x0, zero)), column1 = hn::ConvertTo(di, hn::Min(x1, hn::Sub(width, one)));
  const auto row0 = hn::Add(start, hn::Mul(hn::ConvertTo(di, hn::Max(y0, zero)), row_length));
  const auto row1 = hn::Add(start, hn::Mul(hn::ConvertTo(di, hn::Min(y1, hn::Sub(height, one))), row_length));
  hn::Store(hn::Mul(hn::Add(row0, column0), stride), di, corners.offset(0) + i);
  hn::Store(hn::Mul(hn::Add(row0, column1), stride), di, corners.offset(1) + i);
  hn::Store(hn::Mul(hn::Add(row1, column0), stride), di, corners.offset(2) + i);
  hn::Store(hn::Mul(hn::Add(row1, column1), stride), di, corners.offset(3) + i);
  hn::Store(hn::ConvertTo(di, hn::IfThenElseZero(inside, one)), di, corners.inside() + i);

  if constexpr (kBackward) {
    const auto on = [&](auto mask) { return hn::IfThenElseZero(mask, one); };
    hn::Store(on(hn::And(y0_on, x0_on)), df, corners.valid(0) + i);
    hn::Store(on(hn::And(y0_on, x1_on)), df, corners.valid(1) + i);
    hn::Store(on(hn::And(y1_on, x0_on)), df, corners.valid(2) + i);
    hn::Store(on(hn::And(y1_on, x1_on)), df, corners.valid(3) + i);
    hn::Store(fx, df, corners.fx() + i);
    hn::Store(fy, df, corners.fy() + i);
    hn::Store(attention, df, corners.attention() + i);
  }
}

// All points of one query; the rest that does not fill a vector goes through a copy.
template <bool kBackward>
HWY_INLINE void compute_query(const DeformAttnHead& head, const float* locations, const float* weights, const Corners& corners) {
  const Floats df;
  const std::size_t lanes = hn::Lanes(df), count = head.points->count();
  std::size_t i = 0;
  hn::Vec<Floats> x, y;
  for (; i + lanes <= count; i += lanes) {
    hn::LoadInterleaved2(df, locations + 2 * i, x, y);
    compute_corners<kBackward>(head, i, x, y, hn::LoadU(df, weights + i), corners);
  }
  if (i == count) return;
  HWY_ALIGN float rest[3 * hn::MaxLanes(df)] = {};
  std::memcpy(rest, locations + 2 * i, 2 * (count - i) * sizeof(float));
  std::memcpy(rest + 2 * lanes, weights + i, (count - i) * sizeof(float));
  hn::LoadInterleaved2(df, rest, x, y);
  compute_corners<kBackward>(head, i, x, y, hn::Load(df, rest + 2 * lanes), corners);
}

template <class D>
HWY_INLINE hn::Vec<D> load_value(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load_value(D d, const std::uint16_t* from) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<std::uint16_t, D> dh;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(dh, from))));
}

// A row of channels as vectors of at most kLanes: kVectors at a time. The last vector of a row whose length is no
// multiple ends with the row and overlaps the one before it, so that nothing past a row is touched.
template <class D>
struct Row {
  std::size_t lanes, vectors, last;  // `last`: where the last vector starts

  explicit Row(D d, std::int64_t channels)
      : lanes(hn::Lanes(d)), vectors((static_cast<std::size_t>(channels) + lanes - 1) / lanes), last(static_cast<std::size_t>(channels) - lanes) {}
  std::size_t start(std::size_t vector) const { return std::min(vector * lanes, last); }
};

// Calls visit(constant K, first vector) over a row in groups of K = 4, 2, 1 vectors.
template <class Visit>
HWY_INLINE void for_vector_groups(std::size_t vectors, Visit visit) {
  std::size_t first = 0;
  for (; first + 4 <= vectors; first += 4) visit(std::integral_constant<int, 4>(), first);
  if (first + 2 <= vectors) {
    visit(std::integral_constant<int, 2>(), first);
    first += 2;
  }
  if (first < vectors) visit(std::integral_constant<int, 1>(), first);
}

// Weighted sum over the points for K vectors of channels.
template <int K, class D, typename T>
HWY_INLINE void sum_points(D d, const Row<D>& row, std::size_t first, const T* HWY_RESTRICT value, const Corners& corners,
                           std::size_t count, float* HWY_RESTRICT output) {
  const std::int32_t *o0 = corners.offset(0), *o1 = corners.offset(1), *o2 = corners.offset(2), *o3 = corners.offset(3);
  const float *w0 = corners.weight(0), *w1 = corners.weight(1), *w2 = corners.weight(2), *w3 = corners.weight(3);
  const std::int32_t* inside = corners.inside();
  std::size_t at[K];
  hn::Vec<D> sum[K];
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) {
    at[k] = row.start(first + static_cast<std::size_t>(k));
    sum[k] = hn::Zero(d);
  }
  for (std::size_t p = 0; p < count; ++p) {
    if (inside[p] == 0) continue;
    const T *v0 = value + o0[p], *v1 = value + o1[p], *v2 = value + o2[p], *v3 = value + o3[p];
    const auto a0 = hn::Set(d, w0[p]), a1 = hn::Set(d, w1[p]), a2 = hn::Set(d, w2[p]), a3 = hn::Set(d, w3[p]);
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      // A short chain of its own per point: the sum waits for one addition, not for four.
      auto part = hn::Mul(a0, load_value(d, v0 + at[k]));
      part = hn::MulAdd(a1, load_value(d, v1 + at[k]), part);
      part = hn::MulAdd(a2, load_value(d, v2 + at[k]), part);
      part = hn::MulAdd(a3, load_value(d, v3 + at[k]), part);
      sum[k] = hn::Add(sum[k], part);
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) hn::StoreU(sum[k], d, output + at[k]);
}

template <class D, typename T>
HWY_INLINE void forward_queries(D d, const DeformAttnHead& head, const T* value, float* output) {
  const Row<D> row(d, head.row_channels);
  const Corners corners(head.points->padded_count());
  const std::int64_t points = static_cast<std::int64_t>(head.points->count()) * head.query_stride;
  const std::int64_t output_stride = head.channels * head.query_stride;
  const bool padded = head.row_channels != head.channels;
  const auto padded_output = hwy::AllocateAligned<float>(static_cast<std::size_t>(head.row_channels));
  for (std::int64_t n = head.query_begin; n < head.query_end; ++n) {
    compute_query<false>(head, head.locations + 2 * n * points, head.weights + n * points, corners);
    float* to = padded ? padded_output.get() : output + n * output_stride;
    for_vector_groups(row.vectors, [&](auto k, std::size_t first) {
      sum_points<decltype(k)::value>(d, row, first, value, corners, head.points->count(), to);
    });
    if (padded) std::memcpy(output + n * output_stride, to, static_cast<std::size_t>(head.channels) * sizeof(float));
  }
}

#if HWY_TARGET != HWY_SCALAR
// The four sums over all lanes of a, b, c, e, as one vector of four.
template <class D, class V>
HWY_INLINE hn::Vec<hn::CappedTag<float, 4>> sum_lanes_of_four(D d, V a, V b, V c, V e) {
  const hn::Repartition<double, D> dd;
  // Within each block of four lanes: (a0 + a2, b0 + b2, a1 + a3, b1 + b3), then (a, b, c, d).
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  const auto low = hn::BitCast(d, hn::InterleaveLower(dd, hn::BitCast(dd, ab), hn::BitCast(dd, ce)));
  const auto high = hn::BitCast(d, hn::InterleaveUpper(dd, hn::BitCast(dd, ab), hn::BitCast(dd, ce)));
  const auto blocks = hn::Add(low, high);
  if constexpr (hn::MaxLanes(D()) == 16) {
    const hn::Half<D> d8;
    const hn::Half<decltype(d8)> d4;
    const auto eight = hn::Add(hn::LowerHalf(d8, blocks), hn::UpperHalf(d8, blocks));
    return hn::Add(hn::LowerHalf(d4, eight), hn::UpperHalf(d4, eight));
  } else if constexpr (hn::MaxLanes(D()) == 8) {
    const hn::Half<D> d4;
    return hn::Add(hn::LowerHalf(d4, blocks), hn::UpperHalf(d4, blocks));
  } else {
    return blocks;
  }
}

#endif

// dots[0..4) += the sums over lanes of the four products.
template <class D, class V>
HWY_INLINE void add_dots(D d, V a, V b, V c, V e, float* dots) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(D()) >= 4) {
    const hn::CappedTag<float, 4> d4;
    hn::Store(hn::Add(hn::Load(d4, dots), sum_lanes_of_four(d, a, b, c, e)), d4, dots);
    return;
  }
#endif
  dots[0] += hn::GetLane(hn::SumOfLanes(d, a));
  dots[1] += hn::GetLane(hn::SumOfLanes(d, b));
  dots[2] += hn::GetLane(hn::SumOfLanes(d, c));
  dots[3] += hn::GetLane(hn::SumOfLanes(d, e));
}

// For K vectors of channels: the dot products of the output's gradient with each corner's value, and that gradient,
// weighted, added to each corner's row.
template <int K, class D>
HWY_INLINE void scatter_points(D d, const Row<D>& row, std::size_t first, const float* value, const float* grad_output,
                               const Corners& corners, std::size_t count, float* grad_value) {
  const std::int32_t *o0 = corners.offset(0), *o1 = corners.offset(1), *o2 = corners.offset(2), *o3 = corners.offset(3);
  const float *w0 = corners.weight(0), *w1 = corners.weight(1), *w2 = corners.weight(2), *w3 = corners.weight(3);
  const std::int32_t* inside = corners.inside();
  float* dots = corners.dots();
  std::size_t at[K];
  hn::Vec<D> grad[K];
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) {
    const std::size_t vector = first + static_cast<std::size_t>(k);
    at[k] = row.start(vector);
    // Lanes that the vector before has handled already must count once.
    const std::size_t overlap = vector * row.lanes - at[k];
    grad[k] = hn::IfThenZeroElse(hn::FirstN(d, overlap), hn::LoadU(d, grad_output + at[k]));
  }
  const auto add_to = [&](float* to, auto weight, int k) {
    hn::StoreU(hn::MulAdd(weight, grad[k], hn::LoadU(d, to)), d, to);
  };
  for (std::size_t p = 0; p < count; ++p) {
    if (inside[p] == 0) continue;
    const float *v0 = value + o0[p], *v1 = value + o1[p], *v2 = value + o2[p], *v3 = value + o3[p];
    float *g0 = grad_value + o0[p], *g1 = grad_value + o1[p], *g2 = grad_value + o2[p], *g3 = grad_value + o3[p];
    const auto a0 = hn::Set(d, w0[p]), a1 = hn::Set(d, w1[p]), a2 = hn::Set(d, w2[p]), a3 = hn::Set(d, w3[p]);
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      s0 = hn::MulAdd(grad[k], hn::LoadU(d, v0 + at[k]), s0);
      s1 = hn::MulAdd(grad[k], hn::LoadU(d, v1 + at[k]), s1);
      s2 = hn::MulAdd(grad[k], hn::LoadU(d, v2 + at[k]), s2);
      s3 = hn::MulAdd(grad[k], hn::LoadU(d, v3 + at[k]), s3);
    }
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      // Corners clamped to the border share a row: one after the other.
      add_to(g0 + at[k], a0, k);
      add_to(g1 + at[k], a1, k);
      add_to(g2 + at[k], a2, k);
      add_to(g3 + at[k], a3, k);
    }
    add_dots(d, s0, s1, s2, s3, dots + 4 * p);
  }
}

// Gradients of locations and weights from the dot products; arrays padded to whole vectors.
HWY_INLINE void point_gradients(const DeformAttnHead& head, const Corners& corners, float* grad_locations, float* grad_weights) {
  const Floats df;
  const std::size_t lanes = hn::Lanes(df), count = head.points->count();
  HWY_ALIGN float rest[2 * hn::MaxLanes(df)];
  for (std::size_t i = 0; i < count; i += lanes) {
    hn::Vec<Floats> s0, s1, s2, s3;
    hn::LoadInterleaved4(df, corners.dots() + 4 * i, s0, s1, s2, s3);
    const auto zero = hn::Zero(df), one = hn::Set(df, 1.0F);
    s0 = hn::IfThenElseZero(hn::Ne(hn::Load(df, corners.valid(0) + i), zero), s0);
    s1 = hn::IfThenElseZero(hn::Ne(hn::Load(df, corners.valid(1) + i), zero), s1);
    s2 = hn::IfThenElseZero(hn::Ne(hn::Load(df, corners.valid(2) + i), zero), s2);
    s3 = hn::IfThenElseZero(hn::Ne(hn::Load(df, corners.valid(3) + i), zero), s3);
    const auto fx = hn::Load(df, corners.fx() + i), fy = hn::Load(df, corners.fy() + i);
    const auto gx = hn::Sub(one, fx), gy = hn::Sub(one, fy);
    const auto top = hn::MulAdd(gx, s0, hn::Mul(fx, s1)), bottom = hn::MulAdd(gx, s2, hn::Mul(fx, s3));
    const auto by_weight = hn::MulAdd(gy, top, hn::Mul(fy, bottom));
    const auto by_x = hn::MulAdd(gy, hn::Sub(s1, s0), hn::Mul(fy, hn::Sub(s3, s2)));
    const auto by_y = hn::Sub(bottom, top);

    const auto inside = hn::Ne(hn::ConvertTo(df, hn::Load(Ints(), corners.inside() + i)), zero);
    const auto attention = hn::IfThenElseZero(inside, hn::Load(df, corners.attention() + i));
    const auto grad_x = hn::Mul(hn::Mul(attention, hn::LoadU(df, head.points->width() + i)), by_x);
    const auto grad_y = hn::Mul(hn::Mul(attention, hn::LoadU(df, head.points->height() + i)), by_y);
    if (i + lanes <= count) {
      hn::StoreU(by_weight, df, grad_weights + i);
      hn::StoreInterleaved2(grad_x, grad_y, df, grad_locations + 2 * i);
    } else {
      hn::Store(by_weight, df, rest);
      std::memcpy(grad_weights + i, rest, (count - i) * sizeof(float));
      hn::StoreInterleaved2(grad_x, grad_y, df, rest);
      std::memcpy(grad_locations + 2 * i, rest, 2 * (count - i) * sizeof(float));
    }
  }
}

template <class D>
HWY_INLINE void backward_queries(D d, const DeformAttnHead& head, const float* value, const float* grad_output, float* grad_value,
                                 float* grad_locations, float* grad_weights) {
  const Row<D> row(d, head.row_channels);
  const Corners corners(head.points->padded_count());
  const std::int64_t points = static_cast<std::int64_t>(head.points->count()) * head.query_stride;
  const std::int64_t output_stride = head.channels * head.query_stride;
  const bool padded = head.row_channels != head.channels;
  const auto padded_grad = hwy::AllocateAligned<float>(static_cast<std::size_t>(head.row_channels));
  std::fill_n(padded_grad.get(), head.row_channels, 0.0F);
  for (std::int64_t n = head.query_begin; n < head.query_end; ++n) {
    compute_query<true>(head, head.locations + 2 * n * points, head.weights + n * points, corners);
    std::fill_n(corners.dots(), 4 * head.points->padded_count(), 0.0F);
    const float* grad = grad_output + n * output_stride;
    if (padded) {
      std::memcpy(padded_grad.get(), grad, static_cast<std::size_t>(head.channels) * sizeof(float));
      grad = padded_grad.get();
    }
    for_vector_groups(row.vectors, [&](auto k, std::size_t first) {
      scatter_points<decltype(k)::value>(d, row, first, value, grad, corners, head.points->count(), grad_value);
    });
    point_gradients(head, corners, grad_locations + 2 * n * points, grad_weights + n * points);
  }
}

// Calls visit(tag) with the longest vector that fits into a row.
template <class Visit>
HWY_INLINE void with_row_tag(std::int64_t row_channels, Visit visit) {
  if (row_channels >= 16) return visit(hn::CappedTag<float, 16>());
  if (row_channels >= 8) return visit(hn::CappedTag<float, 8>());
  if (row_channels >= 4) return visit(hn::CappedTag<float, 4>());
  return visit(hn::CappedTag<float, 1>());
}

void ForwardF32(const DeformAttnHead& head, const float* value, float* output) {
  with_row_tag(head.row_channels, [&](auto d) { forward_queries(d, head, value, output); });
}

void ForwardBF16(const DeformAttnHead& head, const std::uint16_t* value, float* output) {
  with_row_tag(head.row_channels, [&](auto d) { forward_queries(d, head, value, output); });
}

void BackwardF32(const DeformAttnHead& head, const float* value, const float* grad_output, float* grad_value, float* grad_locations,
                 float* grad_weights) {
  with_row_tag(head.row_channels, [&](auto d) {
    backward_queries(d, head, value, grad_output, grad_value, grad_locations, grad_weights);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace vepe::ops
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vepe::ops {
namespace {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardBF16);
HWY_EXPORT(BackwardF32);

constexpr std::size_t kLongestVector = 16;  // floats

}  // namespace

DeformAttnPoints::DeformAttnPoints(const DeformAttnSizes& sizes) : count_(static_cast<std::size_t>(sizes.points_per_head())) {
  const std::size_t padded = (count_ + kLongestVector - 1) / kLongestVector * kLongestVector;
  width_.assign(padded, 1.0F);
  height_.assign(padded, 1.0F);
  start_.assign(padded, 0);
  for (std::size_t i = 0; i < count_; ++i) {
    const DeformAttnSizes::Level& level = sizes.levels[i / static_cast<std::size_t>(sizes.points)];
    width_[i] = static_cast<float>(level.width);
    height_[i] = static_cast<float>(level.height);
    start_[i] = static_cast<std::int32_t>(level.start);
  }
}

void deform_attn_head_forward(const DeformAttnHead& head, const float* value, float* output) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(head, value, output);
}

void deform_attn_head_forward(const DeformAttnHead& head, const std::uint16_t* bf16_value, float* output) {
  HWY_DYNAMIC_DISPATCH(ForwardBF16)(head, bf16_value, output);
}

void deform_attn_head_backward(const DeformAttnHead& head, const float* value, const float* grad_output, float* grad_value,
                               float* grad_locations, float* grad_weights) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(head, value, grad_output, grad_value, grad_locations, grad_weights);
}

}  // namespace vepe::ops
#endif  // HWY_ONCE
