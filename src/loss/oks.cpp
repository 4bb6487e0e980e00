#include "loss/oks.h"

#include <ATen/ATen.h>

namespace vepe::loss {
namespace {
constexpr double kFloor = 1e-6;
}  // namespace

Tensor oks(const Tensor& predicted, const Tensor& truth, const Tensor& visible, const Tensor& area, const Tensor& size_px,
           const Tensor& sigmas) {
  const Tensor squared_distance = ((predicted - truth) * size_px).square().sum(-1);  // [..., K]
  const Tensor spread = 8.0 * area.unsqueeze(-1) * sigmas.square();                  // 2 area (2 sigma)^2
  const Tensor similarity = (-squared_distance / spread).exp() * visible;
  return similarity.sum(-1) / visible.sum(-1).clamp_min(1);
}

Tensor oks_loss(const Tensor& oks) { return -oks.clamp_min(kFloor).log(); }

}  // namespace vepe::loss
