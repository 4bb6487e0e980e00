#include "loss/ground_truth.h"

#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

void check_image(const Targets& targets, std::int64_t persons, std::int64_t keypoint_count, std::size_t image) {
  const std::string where = fmt::format("targets of image {}", image);
  ops::expect_shape(targets.keypoints, {persons, keypoint_count, 2}, where + ", keypoints");
  ops::expect_shape(targets.visible, {persons, keypoint_count}, where + ", visible");
  ops::expect_shape(targets.area, {persons}, where + ", area");
  const auto fail = [&](const Tensor& bad, const char* message) {
    const Tensor persons_found = bad.nonzero();
    if (persons_found.size(0) == 0) return;
    throw Error(ErrorCode::kInput, fmt::format("{}, person {}", where, persons_found[0][0].item<std::int64_t>()), message,
                "drop such persons when the data set is read");
  };
  const Tensor visible = targets.visible.to(at::kBool);
  fail(visible.any(1).logical_not(), "no visible keypoint");
  fail((targets.keypoints.isfinite().all(2).logical_or(visible.logical_not())).all(1).logical_not(), "a coordinate is not finite");
  fail((targets.area > 0).logical_and(targets.area.isfinite()).logical_not(), "the area is not a positive number");
  if (!(targets.width > 0 && targets.height > 0 && std::isfinite(targets.width) && std::isfinite(targets.height))) {
    throw Error(ErrorCode::kInput, where, fmt::format("the image size is {} x {}", targets.width, targets.height));
  }
}

}  // namespace

Tensor at_least_float(const Tensor& tensor) {
  const auto type = tensor.scalar_type();
  return type == at::kHalf || type == at::kBFloat16 ? tensor.to(at::kFloat) : tensor;
}

GroundTruth pack_ground_truth(const std::vector<Targets>& targets, std::int64_t keypoint_count, const Tensor& like) {
  const auto type = like.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto options = like.options().dtype(type);
  GroundTruth packed;
  packed.first.push_back(0);
  // An empty head of each list gives the right shape when nobody is in the batch.
  std::vector<Tensor> keypoints{at::empty({0, keypoint_count, 2}, options)}, visible{at::empty({0, keypoint_count}, options)};
  std::vector<Tensor> area{at::empty({0}, options)}, size_px{at::empty({0, 1, 2}, options)};
  std::vector<Tensor> image{at::empty({0}, options.dtype(at::kLong))};
  for (std::size_t b = 0; b < targets.size(); ++b) {
    const Targets& one = targets[b];
    const std::int64_t persons = one.keypoints.defined() ? one.keypoints.size(0) : 0;
    packed.first.push_back(packed.first.back() + persons);
    if (persons == 0) continue;
    check_image(one, persons, keypoint_count, b);
    const Tensor seen = one.visible.to(at::kBool);
    keypoints.push_back(one.keypoints.masked_fill(seen.logical_not().unsqueeze(2), 0).to(options));
    visible.push_back(seen.to(options));
    area.push_back(one.area.to(options));
    size_px.push_back(at::tensor({one.width, one.height}, at::kDouble).to(options).view({1, 1, 2}).expand({persons, 1, 2}));
    image.push_back(at::full({persons}, static_cast<std::int64_t>(b), options.dtype(at::kLong)));
  }
  packed.keypoints = at::cat(keypoints);
  packed.visible = at::cat(visible);
  packed.area = at::cat(area);
  packed.size_px = at::cat(size_px);
  packed.image = at::cat(image);
  return packed;
}

}  // namespace vepe::loss
