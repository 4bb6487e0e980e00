#include "loss/background.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "loss/ground_truth.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

constexpr double kShare = 0.5;

// `keypoints` [N, K, 2] in 0..1, `ignore` [I, 4] pixels. Result [N] bool.
Tensor lies_in_ignore_box(const Tensor& keypoints, const Tensor& ignore, double width, double height) {
  const Tensor size = at::tensor({width, height}, at::kDouble).to(keypoints.options());
  // Before training all keypoints of a pose coincide; a pixel of extent keeps the share defined.
  const Tensor low = keypoints.amin(1) * size, high = at::max(keypoints.amax(1) * size, low + 1);  // [N, 2]
  const Tensor boxes = ignore.to(keypoints.options()).unsqueeze(0);                                // [1, I, 4]
  const Tensor common = (at::min(high.unsqueeze(1), boxes.slice(2, 2, 4)) - at::max(low.unsqueeze(1), boxes.slice(2, 0, 2)))
                            .clamp_min(0)
                            .prod(2);  // [N, I]
  return (common > kShare * (high - low).prod(1, true)).any(1);
}

}  // namespace

Tensor background_queries(const Tensor& keypoints, const std::vector<Targets>& targets) {
  const at::NoGradGuard no_grad;
  const Tensor poses = at_least_float(keypoints.detach());
  Tensor weight;
  for (std::size_t b = 0; b < targets.size(); ++b) {
    const Targets& image = targets[b];
    const std::int64_t count = image.ignore_boxes.defined() ? image.ignore_boxes.size(0) : 0;
    if (count == 0 && !image.unlabelled_bystanders) continue;
    if (!weight.defined()) weight = at::ones({poses.size(0), poses.size(1)}, poses.options());
    const auto row = static_cast<std::int64_t>(b);
    if (image.unlabelled_bystanders) {
      weight[row].zero_();
      continue;
    }
    ops::expect_shape(image.ignore_boxes, {count, 4}, fmt::format("targets of image {}, ignore_boxes", b));
    weight[row].masked_fill_(lies_in_ignore_box(poses[row], image.ignore_boxes, image.width, image.height), 0);
  }
  return weight;
}

}  // namespace vepe::loss
