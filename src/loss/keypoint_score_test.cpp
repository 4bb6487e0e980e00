#include "loss/keypoint_score.h"

#include <cmath>

#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::value;

// One person of an image of 100 x 100, area 100, sigma 0.1: spread 8. Keypoint 0 is 2 pixels off in x and in y, keypoint 1
// exact, keypoint 2 not labelled. The similarities are e^-1, 1 and 0.
struct OnePair {
  std::vector<Targets> targets{1};
  std::vector<Match> matches{{torch::tensor({4}), torch::tensor({0})}};
  Tensor keypoints = torch::tensor({0.52F, 0.52F, 0.3F, 0.3F, 0.9F, 0.9F}).view({1, 1, 3, 2});

  OnePair() {
    targets[0].width = targets[0].height = 100;
    targets[0].keypoints = torch::tensor({0.5F, 0.5F, 0.3F, 0.3F, 0.0F, 0.0F}).view({1, 3, 2});
    targets[0].visible = torch::tensor({1, 1, 0}).to(torch::kBool).view({1, 3});
    targets[0].area = torch::tensor({100.0F});
  }
  Tensor loss(const Tensor& logits) const { return keypoint_score_loss(logits, keypoints, matches, targets, {0.1, 0.1, 0.1}); }
};

double cross_entropy(double logit, double label) { return std::log1p(std::exp(logit)) - label * logit; }

TEST(KeypointScore, ByHand) {
  OnePair pair;
  const Tensor logits = torch::tensor({1.0F, 2.0F, 3.0F}).view({1, 1, 3});
  const double near = cross_entropy(1, std::exp(-1)), exact = cross_entropy(2, 1), unlabelled = cross_entropy(3, 0);
  EXPECT_NEAR(value(pair.loss(logits)), (near + exact + unlabelled) / 3, 1e-5);
  // Where bystanders are not labelled, a missing keypoint teaches nothing.
  pair.targets[0].unlabelled_bystanders = true;
  EXPECT_NEAR(value(pair.loss(logits)), (near + exact) / 2, 1e-5);
}

TEST(KeypointScore, PaddedRowsAndEmptyImagesCostNothing) {
  OnePair pair;
  const Tensor logits = torch::randn({1, 1, 3}), padding = torch::randn({1, 2, 3});
  const double want = value(pair.loss(logits));
  pair.keypoints = torch::cat({pair.keypoints, torch::rand({1, 2, 3, 2})}, 1);
  const Tensor padded = torch::cat({logits, padding}, 1).requires_grad_(true);
  const Tensor loss = pair.loss(padded);
  EXPECT_NEAR(value(loss), want, 1e-6);
  loss.backward();
  EXPECT_EQ(value(padded.grad().slice(1, 1).abs().max()), 0);

  pair.matches[0] = {torch::empty({0}, torch::kLong), torch::empty({0}, torch::kLong)};
  const Tensor alone = torch::randn({1, 3, 3}).requires_grad_(true);
  const Tensor nothing = pair.loss(alone);
  nothing.backward();
  EXPECT_EQ(value(nothing), 0);
  EXPECT_EQ(value(alone.grad().abs().max()), 0);
}

TEST(KeypointScore, GradientIsTheSlope) {
  const OnePair pair;
  const Tensor logits = torch::tensor({0.3F, -0.8F, 1.1F}).view({1, 1, 3}).requires_grad_(true);
  pair.loss(logits).backward();
  const double labels[] = {std::exp(-1), 1, 0};
  for (std::int64_t k = 0; k < 3; ++k) {
    const double p = 1 / (1 + std::exp(-value(logits[0][0][k])));
    EXPECT_NEAR(value(logits.grad()[0][0][k]), (p - labels[k]) / 3, 1e-5);
  }
}

}  // namespace
}  // namespace vepe::loss
