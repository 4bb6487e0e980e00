#include "loss/keypoint_score.h"

#include <torch/torch.h>

namespace vepe::loss {

at::Tensor keypoint_score_loss(const at::Tensor& score_logits, const at::Tensor& keypoints, const std::vector<Match>& matches,
                               const std::vector<Targets>& targets, const std::vector<double>& sigmas) {
  const at::Tensor sigma = torch::tensor(std::vector<float>(sigmas.begin(), sigmas.end()));
  at::Tensor sum = score_logits.sum() * 0;  // keeps the graph when nobody is there
  double count = 0;
  for (std::size_t b = 0; b < targets.size(); ++b) {
    const Targets& truth = targets[b];
    const std::int64_t pairs = matches[b].person.size(0);
    if (pairs == 0) continue;
    const auto image = static_cast<std::int64_t>(b);
    const at::Tensor person = matches[b].person;
    const at::Tensor extent = torch::tensor({static_cast<float>(truth.width), static_cast<float>(truth.height)});
    const at::Tensor distance =
        ((keypoints[image].slice(0, 0, pairs).detach() - truth.keypoints.index_select(0, person)) * extent).pow(2).sum(-1);
    const at::Tensor spread = 2 * truth.area.index_select(0, person).unsqueeze(-1) * (2 * sigma).pow(2);
    const at::Tensor visible = truth.visible.index_select(0, person).to(torch::kFloat);  // [R, K]
    const at::Tensor label = torch::exp(-distance / spread) * visible;
    // Sets with unlabelled bystanders also leave keypoints out that can be seen; nothing is learned from their absence.
    const at::Tensor weight = truth.unlabelled_bystanders ? visible : torch::ones_like(visible);
    const at::Tensor logits = score_logits[image].slice(0, 0, pairs);
    sum = sum + (at::binary_cross_entropy_with_logits(logits, label, {}, {}, at::Reduction::None) * weight).sum();
    count += weight.sum().item<double>();
  }
  return sum / std::max(1.0, count);
}

}  // namespace vepe::loss
