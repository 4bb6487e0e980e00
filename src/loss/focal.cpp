#include "loss/focal.h"

#include <ATen/ATen.h>

namespace vepe::loss {
namespace {

// softplus(x) - x t = -t log p - (1 - t) log(1 - p)
Tensor cross_entropy(const Tensor& logit, const Tensor& target) {
  return at::binary_cross_entropy_with_logits(logit, target, {}, {}, at::Reduction::None);
}

// pow(x, 2) has a cheaper backward than the general power, and gamma = 2 is the usual choice.
Tensor power(const Tensor& base, double exponent) { return exponent == 2 ? base.square() : base.pow(exponent); }

}  // namespace

Tensor sigmoid_focal(const Tensor& logit, const Tensor& target, double alpha, double gamma) {
  const Tensor p = logit.sigmoid();
  const Tensor miss = p + target - 2 * p * target;                // 1 - p on 1, p on 0
  const Tensor balance = target * (2 * alpha - 1) + (1 - alpha);  // alpha on 1, 1 - alpha on 0
  return balance * power(miss, gamma) * cross_entropy(logit, target);
}

Tensor quality_focal(const Tensor& logit, const Tensor& soft_target, double gamma) {
  const Tensor entropy = cross_entropy(logit, soft_target);
  if (gamma == 0) return entropy;
  return power((soft_target - logit.sigmoid()).abs(), gamma) * entropy;
}

}  // namespace vepe::loss
