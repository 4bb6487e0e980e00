#include "loss/matcher.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/linear_assignment.h"
#include "ops/shapes.h"

namespace vepe::loss {
namespace {

// Stands for a cost that is not a number. A diverged prediction is still matched, so that it reaches the loss and the
// training loop sees the trouble there, instead of a set of persons that silently shrinks.
constexpr double kWorstCost = 1e8;
constexpr double kNoPair = 1e6;  // above all costs of pairs that may be

// Elements of one intermediate tensor of the costs (persons * keypoints * queries): small enough for a core's cache.
constexpr std::int64_t kBlockElements = 1 << 17;

Tensor class_cost(const Tensor& score_logit, const MatcherConfig& config) {
  constexpr double kEpsilon = 1e-12;
  const Tensor p = score_logit.sigmoid();
  const Tensor person = config.alpha * (1 - p).pow(config.gamma) * -(p + kEpsilon).log();
  const Tensor background = (1 - config.alpha) * p.pow(config.gamma) * -(1 - p + kEpsilon).log();
  return person - background;
}

Tensor as_index(const std::vector<std::int64_t>& values, const at::Device& device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

MatchCosts match_costs(const Tensor& score_logit, const Tensor& keypoints, const GroundTruth& truth, std::int64_t image,
                       const Tensor& sigmas, const MatcherConfig& config) {
  const auto from = truth.first.at(static_cast<std::size_t>(image)), to = truth.first.at(static_cast<std::size_t>(image) + 1);
  const std::int64_t queries = keypoints.size(0);
  // The formulas of keypoint_l1 and oks, with the queries as the innermost axis: there may be thousands of them (every
  // memory token), and operations along the two coordinates would not vectorise.
  const Tensor x = keypoints.select(2, 0).t().contiguous(), y = keypoints.select(2, 1).t().contiguous();  // [K, N]
  const std::int64_t block = std::max<std::int64_t>(1, kBlockElements / std::max<std::int64_t>(1, x.numel()));
  std::vector<Tensor> error, similarity;
  for (std::int64_t g = from; g < to; g += block) {
    const std::int64_t end = std::min(to, g + block);
    const auto column = [&](const Tensor& values) { return values.slice(0, g, end).unsqueeze(-1); };
    const Tensor visible = column(truth.visible), count = truth.visible.slice(0, g, end).sum(1, true).clamp_min(1);
    const Tensor dx = x - column(truth.keypoints.select(2, 0)), dy = y - column(truth.keypoints.select(2, 1));  // [g, K, N]
    error.push_back((dx.abs() + dy.abs()).mul_(visible).sum(1) / (2 * count));
    const Tensor scale = -0.125 / (column(truth.area) * sigmas.square()).unsqueeze(-1);  // [g, K, 1]
    const Tensor size = truth.size_px.slice(0, g, end);                                  // [g, 1, 2]
    const Tensor squared = (dx * size.slice(2, 0, 1)).square_().add_((dy * size.slice(2, 1, 2)).square_());
    similarity.push_back(squared.mul_(scale).exp_().mul_(visible).sum(1) / count);
  }
  const auto joined = [&](const std::vector<Tensor>& blocks, double weight) {
    return blocks.empty() ? x.new_empty({queries, 0}) : (weight * at::cat(blocks)).t();
  };
  MatchCosts costs;
  costs.score = (config.class_weight * class_cost(score_logit, config)).unsqueeze(1).expand({queries, to - from});
  costs.keypoints = joined(error, config.keypoint_weight);
  costs.similarity = joined(similarity, 1);
  costs.oks = -config.oks_weight * costs.similarity;
  return costs;
}

std::vector<Match> match(const Tensor& score_logit, const Tensor& keypoints, const GroundTruth& truth, const Tensor& sigmas,
                         const MatcherConfig& config) {
  const at::NoGradGuard no_grad;
  const std::int64_t images = truth.image_count(), queries = score_logit.size(1);
  ops::expect_shape(score_logit, {images, queries}, "matcher, score_logit");
  ops::expect_shape(keypoints, {images, queries, truth.keypoints.size(1), 2}, "matcher, keypoints");
  const Tensor logits = at_least_float(score_logit.detach()), poses = at_least_float(keypoints.detach());
  LinearAssignment assignment;
  std::vector<Match> matches;
  for (std::int64_t b = 0; b < images; ++b) {
    const auto persons = truth.first[static_cast<std::size_t>(b) + 1] - truth.first[static_cast<std::size_t>(b)];
    std::vector<std::int64_t> query, person;
    if (persons > 0) {
      const MatchCosts costs = match_costs(logits[b], poses[b], truth, b, sigmas, config);
      // Persons are the rows: there are few of them, and the search costs rows^2 * columns.
      Tensor total = costs.score + costs.keypoints + costs.oks;
      if (config.min_oks > 0) total = total.masked_fill(costs.similarity < config.min_oks, kNoPair);
      const Tensor cost = total.t().to(at::kCPU, at::kDouble).nan_to_num(kWorstCost, kWorstCost, -kWorstCost).contiguous();
      const auto& query_of_person = assignment.solve({cost.data_ptr<double>(), static_cast<std::size_t>(cost.numel())},
                                                     static_cast<std::size_t>(persons), static_cast<std::size_t>(queries));
      for (std::size_t g = 0; g < query_of_person.size(); ++g) {
        if (query_of_person[g] < 0) continue;
        if (cost[static_cast<std::int64_t>(g)][query_of_person[g]].item<double>() == kNoPair) continue;
        query.push_back(query_of_person[g]);
        person.push_back(static_cast<std::int64_t>(g));
      }
    }
    matches.push_back({as_index(query, logits.device()), as_index(person, logits.device())});
  }
  return matches;
}

std::vector<Match> match(const Tensor& score_logit, const Tensor& keypoints, const std::vector<Targets>& targets,
                         const std::vector<double>& sigmas, const MatcherConfig& config) {
  const GroundTruth truth = pack_ground_truth(targets, keypoints.size(2), keypoints);
  return match(score_logit, keypoints, truth, at::tensor(sigmas, at::kDouble).to(truth.keypoints.options()), config);
}

FlatMatch flatten(const std::vector<Match>& matches, const GroundTruth& truth) {
  const auto options = truth.image.options();
  const Tensor none = at::empty({0}, options);  // for a batch of no image
  std::vector<Tensor> image{none}, query{none}, person{none}, slot{none};
  for (std::size_t b = 0; b < matches.size(); ++b) {
    const std::int64_t count = matches[b].query.size(0);
    image.push_back(at::full({count}, static_cast<std::int64_t>(b), options));
    query.push_back(matches[b].query);
    person.push_back(matches[b].person + truth.first[b]);
    slot.push_back(at::arange(count, options));
  }
  return {at::cat(image), at::cat(query), at::cat(person), at::cat(slot)};
}

}  // namespace vepe::loss
