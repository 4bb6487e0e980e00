#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "loss/targets.h"

namespace vepe::loss {

// The persons of all images of a batch in one axis G, checked and in the dtype and on the device of the predictions.
struct GroundTruth {
  Tensor keypoints;                 // [G, K, 2], x, y in 0..1 of the person's own image, 0 where not visible
  Tensor visible;                   // [G, K], 1 or 0
  Tensor area;                      // [G], pixels^2
  Tensor size_px;                   // [G, 1, 2], width and height of the person's own image
  Tensor image;                     // [G] int64
  std::vector<std::int64_t> first;  // persons of image b are first[b] .. first[b + 1] - 1

  std::int64_t image_count() const { return static_cast<std::int64_t>(first.size()) - 1; }
  std::int64_t person_count() const { return first.back(); }
};

// Lays the persons of all images one after the other. `like` gives dtype (reduced precision is raised to fp32) and device.
// Throws Error(kInput) that names image and person: wrong shape, coordinate not finite, area not positive, or no
// visible keypoint (such a person has no cost and must be dropped before).
GroundTruth pack_ground_truth(const std::vector<Targets>& targets, std::int64_t keypoint_count, const Tensor& like);

// fp16 and bf16 become fp32: the losses divide small numbers and take logarithms. Others stay as they are.
Tensor at_least_float(const Tensor& tensor);

}  // namespace vepe::loss
