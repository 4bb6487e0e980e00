#include "model/dense_poses.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace vepe::model {
namespace {

// Constants of the published graph.
constexpr double kPeakTolerance = 1.0133e-6;
constexpr double kDistanceScale = 0.300048828125;  // of the shorter side of the map, in cells
constexpr double kMinKeypointScore = 0.126953125;
constexpr std::int64_t kStride = 4;

// Per-image view of the heads, contiguous fp32.
struct Maps {
  std::int64_t h, w, keypoints;
  const float *regression, *heatmap, *offset, *box_size, *box_offset;
};

struct Person {
  std::int64_t cy = 0, cx = 0;
  double ymin = 0, xmin = 0, ymax = 0, xmax = 0;
};

// exp(-distance^2 / scale) is separable: one table for rows, one for columns.
void fill_table(std::vector<float>& table, std::int64_t size, double centre, double scale) {
  for (std::int64_t i = 0; i < size; ++i) {
    const double d = static_cast<double>(i) - centre;
    table[static_cast<std::size_t>(i)] = static_cast<float>(std::exp(-d * d / scale));
  }
}

Person read_person(const Maps& m, std::int64_t cell) {
  Person p;
  p.cy = cell / m.w;
  p.cx = cell % m.w;
  const std::int64_t plane = m.h * m.w;
  const double height = std::max(0.f, m.box_size[cell]), width = std::max(0.f, m.box_size[plane + cell]);
  const double y = static_cast<double>(p.cy) + m.box_offset[cell], x = static_cast<double>(p.cx) + m.box_offset[plane + cell];
  p.ymin = std::clamp(y - height / 2, 0.0, static_cast<double>(m.h));
  p.ymax = std::clamp(y + height / 2, 0.0, static_cast<double>(m.h));
  p.xmin = std::clamp(x - width / 2, 0.0, static_cast<double>(m.w));
  p.xmax = std::clamp(x + width / 2, 0.0, static_cast<double>(m.w));
  return p;
}

// The weighted heatmap of one person and keypoint: value at a cell, 0 outside the person's box.
struct WeightedHeatmap {
  const Maps& m;
  const float* heat;  // [h, w]
  std::vector<float> rows, columns;
  std::int64_t y0, y1, x0, x1;

  WeightedHeatmap(const Maps& maps, const Person& p, std::int64_t keypoint)
      : m(maps), heat(maps.heatmap + keypoint * maps.h * maps.w) {
    const std::int64_t plane = m.h * m.w, cell = p.cy * m.w + p.cx;
    const double scale = kDistanceScale * static_cast<double>(std::min(m.h, m.w));
    rows.resize(static_cast<std::size_t>(m.h));
    columns.resize(static_cast<std::size_t>(m.w));
    fill_table(rows, m.h, static_cast<double>(p.cy) + m.regression[2 * keypoint * plane + cell], scale);
    fill_table(columns, m.w, static_cast<double>(p.cx) + m.regression[(2 * keypoint + 1) * plane + cell], scale);
    const auto first = [](double low) { return static_cast<std::int64_t>(std::ceil(low)); };
    y0 = first(p.ymin), y1 = first(p.ymax), x0 = first(p.xmin), x1 = first(p.xmax);  // y0 <= y < y1
  }
  float at(std::int64_t y, std::int64_t x) const {
    if (y < y0 || y >= y1 || x < x0 || x >= x1) return 0;
    return heat[y * m.w + x] * rows[static_cast<std::size_t>(y)] * columns[static_cast<std::size_t>(x)];
  }
  std::int64_t argmax() const {  // row-major, first maximum; cell 0 when all is 0
    std::int64_t best = 0;
    float best_value = 0;
    for (std::int64_t y = y0; y < y1; ++y) {
      const float* row = heat + y * m.w;
      const float weight = rows[static_cast<std::size_t>(y)];
      if (weight < best_value) continue;  // heat and column weights are at most 1
      for (std::int64_t x = x0; x < x1; ++x) {
        const float value = row[x] * weight * columns[static_cast<std::size_t>(x)];
        if (value > best_value) best_value = value, best = y * m.w + x;
      }
    }
    return best;
  }
};

void decode_image(const Maps& m, const std::int64_t* cells, const float* centre, std::int64_t people, float* keypoints,
                  float* keypoint_scores, float* boxes, float* scores) {
  std::vector<Person> persons;
  for (std::int64_t n = 0; n < people; ++n) persons.push_back(read_person(m, cells[n]));
  for (std::int64_t n = 0; n < people; ++n) {
    const Person& p = persons[static_cast<std::size_t>(n)];
    const double box[] = {p.xmin, p.ymin, p.xmax, p.ymax};
    for (int i = 0; i < 4; ++i) boxes[4 * n + i] = static_cast<float>(box[i] * kStride + 0.5);
  }
  const std::int64_t plane = m.h * m.w;
  for (std::int64_t k = 0; k < m.keypoints; ++k) {
    std::vector<WeightedHeatmap> maps;
    maps.reserve(static_cast<std::size_t>(people));
    for (const Person& p : persons) maps.emplace_back(m, p, k);
    for (std::int64_t n = 0; n < people; ++n) {
      const std::int64_t cell = maps[static_cast<std::size_t>(n)].argmax(), y = cell / m.w, x = cell % m.w;
      float score = 0;  // the best claim of any person on that cell
      for (const WeightedHeatmap& other : maps) score = std::max(score, other.at(y, x));
      float* point = keypoints + (n * m.keypoints + k) * 2;
      point[0] = (static_cast<float>(x) + m.offset[(2 * k + 1) * plane + cell]) * kStride + 0.5f;
      point[1] = (static_cast<float>(y) + m.offset[2 * k * plane + cell]) * kStride + 0.5f;
      keypoint_scores[n * m.keypoints + k] = score;
    }
  }
  for (std::int64_t n = 0; n < people; ++n) {
    double sum = 0;
    int count = 0;
    for (std::int64_t k = 0; k < m.keypoints; ++k) {
      const float score = keypoint_scores[n * m.keypoints + k];
      if (score > kMinKeypointScore) sum += score, ++count;
    }
    scores[n] = count ? centre[n] * static_cast<float>(sum / count) : 0.f;
  }
}

}  // namespace

DensePoses decode_dense_heads(const DenseHeads& heads, std::int64_t people) {
  torch::NoGradGuard no_grad;
  const Tensor centre = heads.center.detach().sigmoid();
  const std::int64_t B = centre.size(0), h = centre.size(2), w = centre.size(3), K = heads.kpt_heatmap.size(1);
  const Tensor best = at::max_pool2d(centre, {5, 5}, {1, 1}, {2, 2});
  const Tensor peaks = at::where((centre - best).abs() < kPeakTolerance, centre, at::zeros({}, centre.options())).view({B, h * w});
  const std::int64_t count = std::min(people, h * w);
  auto [centre_scores, cells] = peaks.topk(count, 1);

  const auto plain = [](const Tensor& t) { return t.detach().contiguous(); };
  const Tensor regression = plain(heads.kpt_regression), heatmap = plain(heads.kpt_heatmap.detach().sigmoid()),
               offset = plain(heads.kpt_offset), box_size = plain(heads.box_size), box_offset = plain(heads.box_offset);
  DensePoses poses;
  poses.centre_scores = centre_scores.contiguous();
  poses.centre_cells = cells.contiguous();
  poses.keypoints = at::empty({B, count, K, 2}, centre.options());
  poses.keypoint_scores = at::empty({B, count, K}, centre.options());
  poses.boxes = at::empty({B, count, 4}, centre.options());
  poses.scores = at::empty({B, count}, centre.options());
  at::parallel_for(0, B, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const auto image = [&](const Tensor& t) { return t.data_ptr<float>() + b * t.stride(0); };
      const Maps maps{h, w, K, image(regression), image(heatmap), image(offset), image(box_size), image(box_offset)};
      decode_image(maps, poses.centre_cells.data_ptr<std::int64_t>() + b * count, image(poses.centre_scores), count,
                   image(poses.keypoints), image(poses.keypoint_scores), image(poses.boxes), image(poses.scores));
    }
  });
  return poses;
}

}  // namespace vepe::model
