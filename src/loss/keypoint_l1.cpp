#include "loss/keypoint_l1.h"

#include <ATen/ATen.h>

namespace vepe::loss {

Tensor keypoint_l1(const Tensor& predicted, const Tensor& truth, const Tensor& visible) {
  return ((predicted - truth).abs().sum(-1) * visible).sum(-1);
}

}  // namespace vepe::loss
