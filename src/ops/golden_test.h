#pragma once

// Tensors of a stored safetensors file, for the tests of this folder.

#include <cstring>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/safetensors.h"
#include "ops/shapes.h"

namespace vepe::ops {

class Golden {
 public:
  explicit Golden(const std::string& name) : file_(std::string(VEPE_SOURCE_DIR "/tests/data/ops/") + name) {}

  bool contains(const std::string& name) const { return file_.contains(name); }

  at::Tensor operator[](const std::string& name) const {
    const TensorView& view = file_.at(name);
    at::ScalarType type = at::kFloat;
    if (view.dtype == DType::kI64) type = at::kLong;
    if (view.dtype == DType::kU8) type = at::kByte;
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions(type));
    EXPECT_EQ(tensor.nbytes(), view.size_bytes) << name;
    std::memcpy(tensor.data_ptr(), view.data, view.size_bytes);
    return tensor;
  }

  LevelShapes level_shapes() const {
    const at::Tensor table = (*this)["spatial_shapes"];
    LevelShapes shapes;
    for (std::int64_t l = 0; l < table.size(0); ++l)
      shapes.push_back({table[l][0].item<std::int64_t>(), table[l][1].item<std::int64_t>()});
    return shapes;
  }

 private:
  SafetensorsFile file_;
};

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.numel() == 0) return 0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace vepe::ops
