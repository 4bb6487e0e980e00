#include "loss/dense.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "loss/ground_truth.h"
#include "loss/heatmap.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

using at::Tensor;

constexpr double kStride = 4;  // pixels of a cell of the trunk's heads; cell v is pixel 4 v

struct Cell {
  std::int64_t y = 0, x = 0;
};
struct Point {
  double y = 0, x = 0;  // cells
};

// Collects CellTargets. Of two wishes for the same cell the nearer one (`distance`) is kept.
class CellList {
 public:
  void add(std::int64_t image, std::int64_t pair, Cell cell, Point value, double distance) {
    const Key key{image, pair, cell.y, cell.x};
    const auto [entry, fresh] = wishes_.try_emplace(key, Wish{value, distance});
    if (!fresh && distance < entry->second.distance) entry->second = {value, distance};
  }

  CellTargets tensors() const {
    const auto count = static_cast<std::int64_t>(wishes_.size());
    const Tensor index = at::empty({4, count}, at::kLong), value = at::empty({count, 2}, at::kFloat);
    auto* const index_data = index.data_ptr<std::int64_t>();
    auto* value_data = value.data_ptr<float>();
    std::int64_t m = 0;
    for (const auto& [key, wish] : wishes_) {
      for (std::size_t axis = 0; axis < 4; ++axis) index_data[static_cast<std::int64_t>(axis) * count + m] = key[axis];
      *value_data++ = static_cast<float>(wish.value.y);
      *value_data++ = static_cast<float>(wish.value.x);
      ++m;
    }
    return {index[0], index[1], index[2], index[3], value};
  }

 private:
  using Key = std::array<std::int64_t, 4>;
  struct Wish {
    Point value;
    double distance;
  };
  std::map<Key, Wish> wishes_;  // ordered, so that sums do not depend on a hash
};

// One person in cells of the heads' map.
struct Person {
  std::vector<Point> keypoints;
  std::vector<bool> visible;
  Point box_center, box_size;
};

std::vector<Person> persons_in_cells(const Targets& image, std::int64_t keypoint_count, const std::string& where) {
  const std::int64_t count = image.keypoints.defined() ? image.keypoints.size(0) : 0;
  if (count == 0) return {};
  ops::expect_shape(image.keypoints, {count, keypoint_count, 2}, where + ", keypoints");
  ops::expect_shape(image.visible, {count, keypoint_count}, where + ", visible");
  ops::expect_shape(image.boxes, {count, 4}, where + ", boxes");
  const Tensor keypoints = image.keypoints.to(at::kCPU, at::kDouble).contiguous();
  const Tensor visible = image.visible.to(at::kCPU, at::kBool).contiguous();
  const Tensor boxes = image.boxes.to(at::kCPU, at::kDouble).contiguous();
  const auto point = keypoints.accessor<double, 3>();
  const auto seen = visible.accessor<bool, 2>();
  const auto box = boxes.accessor<double, 2>();
  std::vector<Person> persons;
  for (std::int64_t g = 0; g < count; ++g) {
    Person person;
    for (std::int64_t k = 0; k < keypoint_count; ++k) {
      person.keypoints.push_back({point[g][k][1] * image.height / kStride, point[g][k][0] * image.width / kStride});
      person.visible.push_back(seen[g][k]);
    }
    person.box_center = {(box[g][1] + box[g][3]) / (2 * kStride), (box[g][0] + box[g][2]) / (2 * kStride)};
    person.box_size = {(box[g][3] - box[g][1]) / kStride, (box[g][2] - box[g][0]) / kStride};
    persons.push_back(std::move(person));
  }
  return persons;
}

Point torso_center(const Person& person, const std::vector<int>& torso) {
  Point sum;
  int count = 0;
  for (const int k : torso) {
    const auto index = static_cast<std::size_t>(k);
    if (index >= person.keypoints.size() || !person.visible[index]) continue;
    sum = {sum.y + person.keypoints[index].y, sum.x + person.keypoints[index].x};
    ++count;
  }
  return count == 0 ? person.box_center : Point{sum.y / count, sum.x / count};
}

Point keypoint_box_center(const Person& person) {
  Point low{INFINITY, INFINITY}, high{-INFINITY, -INFINITY};
  for (std::size_t k = 0; k < person.keypoints.size(); ++k) {
    if (!person.visible[k]) continue;
    low = {std::min(low.y, person.keypoints[k].y), std::min(low.x, person.keypoints[k].x)};
    high = {std::max(high.y, person.keypoints[k].y), std::max(high.x, person.keypoints[k].x)};
  }
  return low.y <= high.y ? Point{(low.y + high.y) / 2, (low.x + high.x) / 2} : person.box_center;
}

Point center_of(const Person& person, const DenseLossConfig& config) {
  if (config.center == "box") return person.box_center;
  if (config.center == "torso") return torso_center(person, config.torso);
  if (config.center == "keypoints") return keypoint_box_center(person);
  throw Error(ErrorCode::kUsage, "loss: dense.center", fmt::format("'{}' is none of box, keypoints, torso", config.center));
}

// A person's targets, written into the maps and lists of the whole batch.
class TargetWriter {
 public:
  TargetWriter(std::int64_t images, std::int64_t keypoint_count, std::int64_t height, std::int64_t width,
               const DenseLossConfig& config)
      : config_(config), keypoint_count_(keypoint_count), height_(height), width_(width) {
    center_ = at::zeros({images, 1, height, width}, at::kFloat);
    heatmap_ = at::zeros({images, keypoint_count, height, width}, at::kFloat);
  }

  void add(std::int64_t image, const Person& person) {
    const int radius = static_cast<int>(std::max(0.0, gaussian_radius(person.box_size.y, person.box_size.x, config_.overlap)));
    add_keypoints(image, person, std::min(radius, config_.max_keypoint_radius));
    const Point center = center_of(person, config_);
    const Cell cell = floor_of(center);
    if (!inside(cell)) return;
    draw_gaussian(center_.data_ptr<float>() + image * height_ * width_, height_, width_, cell.y, cell.x,
                  std::min(radius, config_.max_radius));
    const double distance = std::hypot(center.y - static_cast<double>(cell.y), center.x - static_cast<double>(cell.x));
    for (std::int64_t k = 0; k < keypoint_count_; ++k) {
      const auto index = static_cast<std::size_t>(k);
      if (person.visible[index]) regression_.add(image, k, cell, from(cell, person.keypoints[index]), distance);
    }
    box_size_.add(image, 0, cell, person.box_size, distance);
    box_offset_.add(image, 0, cell, from(cell, person.box_center), distance);
  }

  DenseTargets targets() const {
    return {center_, heatmap_, regression_.tensors(), offset_.tensors(), box_size_.tensors(), box_offset_.tensors()};
  }

 private:
  static Cell floor_of(Point point) {
    return {static_cast<std::int64_t>(std::floor(point.y)), static_cast<std::int64_t>(std::floor(point.x))};
  }
  static Point from(Cell cell, Point point) {
    return {point.y - static_cast<double>(cell.y), point.x - static_cast<double>(cell.x)};
  }
  bool inside(Cell cell) const { return cell.y >= 0 && cell.y < height_ && cell.x >= 0 && cell.x < width_; }

  void add_keypoints(std::int64_t image, const Person& person, int radius) {
    for (std::int64_t k = 0; k < keypoint_count_; ++k) {
      if (!person.visible[static_cast<std::size_t>(k)]) continue;
      const Point point = person.keypoints[static_cast<std::size_t>(k)];
      const Cell cell = floor_of(point);
      draw_gaussian(heatmap_.data_ptr<float>() + (image * keypoint_count_ + k) * height_ * width_, height_, width_, cell.y, cell.x,
                    radius);
      for (std::int64_t dy = -config_.offset_radius; dy <= config_.offset_radius; ++dy) {
        for (std::int64_t dx = -config_.offset_radius; dx <= config_.offset_radius; ++dx) {
          const Cell near{cell.y + dy, cell.x + dx};
          if (!inside(near)) continue;
          const Point offset = from(near, point);
          offset_.add(image, k, near, offset, std::hypot(offset.y, offset.x));
        }
      }
    }
  }

  const DenseLossConfig& config_;
  std::int64_t keypoint_count_, height_, width_;
  Tensor center_, heatmap_;
  CellList regression_, offset_, box_size_, box_offset_;
};

// Mean absolute error at the listed cells of `map` [B, 2 P, h, w].
Tensor cell_l1(const Tensor& map, const CellTargets& cells, const std::function<double(double)>& normaliser) {
  const auto device = map.device();
  const Tensor pairs = map.unflatten(1, {map.size(1) / 2, 2}).permute({0, 1, 3, 4, 2});  // [B, P, h, w, 2]
  const Tensor answer = at_least_float(
      pairs.index({cells.image.to(device), cells.pair.to(device), cells.y.to(device), cells.x.to(device)}));  // [M, 2]
  return (answer - cells.value.to(answer.options())).abs().sum() / normaliser(static_cast<double>(2 * cells.value.size(0)));
}

}  // namespace

DenseTargets dense_targets(const std::vector<Targets>& targets, std::int64_t keypoint_count, std::int64_t height,
                           std::int64_t width, const DenseLossConfig& config) {
  TargetWriter writer(static_cast<std::int64_t>(targets.size()), keypoint_count, height, width, config);
  for (std::size_t b = 0; b < targets.size(); ++b) {
    for (const Person& person : persons_in_cells(targets[b], keypoint_count, fmt::format("targets of image {}", b))) {
      writer.add(static_cast<std::int64_t>(b), person);
    }
  }
  return writer.targets();
}

std::vector<std::pair<std::string, Tensor>> dense_loss(const model::DenseHeads& heads, const std::vector<Targets>& targets,
                                                       const DenseLossConfig& config,
                                                       const std::function<double(double)>& average) {
  const auto images = static_cast<std::int64_t>(targets.size());
  const std::int64_t height = heads.center.size(2), width = heads.center.size(3), keypoint_count = heads.kpt_heatmap.size(1);
  ops::expect_shape(heads.center, {images, 1, height, width}, "dense heads, center");
  ops::expect_shape(heads.kpt_heatmap, {images, keypoint_count, height, width}, "dense heads, kpt_heatmap");
  ops::expect_shape(heads.kpt_regression, {images, 2 * keypoint_count, height, width}, "dense heads, kpt_regression");
  ops::expect_shape(heads.kpt_offset, {images, 2 * keypoint_count, height, width}, "dense heads, kpt_offset");
  ops::expect_shape(heads.box_size, {images, 2, height, width}, "dense heads, box_size");
  ops::expect_shape(heads.box_offset, {images, 2, height, width}, "dense heads, box_offset");

  const DenseTargets wanted = dense_targets(targets, keypoint_count, height, width, config);
  const Tensor background = background_cells(targets, height, width, kStride);
  const std::function<double(double)> normaliser = [&](double count) { return std::max(1.0, average ? average(count) : count); };
  std::vector<std::pair<std::string, Tensor>> terms;
  const auto heatmap = [&](const char* name, double weight, const Tensor& logit, const Tensor& target) {
    if (weight == 0) return;
    const HeatmapLoss loss = heatmap_focal(logit, target, background);
    terms.emplace_back(name, weight * loss.sum / normaliser(loss.positives));
  };
  const auto cells = [&](const char* name, double weight, const Tensor& map, const CellTargets& target) {
    if (weight != 0) terms.emplace_back(name, weight * cell_l1(map, target, normaliser));
  };
  heatmap("center", config.center_weight, heads.center, wanted.center);
  cells("kpt_regression", config.kpt_regression_weight, heads.kpt_regression, wanted.kpt_regression);
  heatmap("kpt_heatmap", config.kpt_heatmap_weight, heads.kpt_heatmap, wanted.kpt_heatmap);
  cells("kpt_offset", config.kpt_offset_weight, heads.kpt_offset, wanted.kpt_offset);
  cells("box_size", config.box_size_weight, heads.box_size, wanted.box_size);
  cells("box_offset", config.box_offset_weight, heads.box_offset, wanted.box_offset);
  return terms;
}

}  // namespace vepe::loss
