#pragma once

#include <map>
#include <string>

#include <ATen/core/Tensor.h>

namespace vepe::model {

// Named intermediate results of a forward pass, for `vepe verify` and the golden tests. Modules take a pointer that
// is null in normal work.
using Stages = std::map<std::string, at::Tensor>;

inline void record(Stages* stages, const std::string& name, const at::Tensor& tensor) {
  if (stages) (*stages)[name] = tensor;
}

}  // namespace vepe::model
