#include "model/keypoint_step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace vepe::model {
namespace {

TEST(KeypointStep, ImageUnitAddsLogits) {  // eq. 4 by hand: logit(0.5) = 0, sigmoid(1) = 0.7310586
  const auto moved = move_keypoints(torch::full({1, 2, 2}, 0.5), torch::ones({1, 2, 2}), "image");
  EXPECT_NEAR(moved.max().item<float>(), 0.7310586f, 1e-6);
  EXPECT_NEAR(moved.min().item<float>(), 0.7310586f, 1e-6);
}

TEST(KeypointStep, PoseUnitScalesWithThePerson) {
  // Extent 0.2 x 0.4, then a tenth of it: half the larger side is 0.2 and 0.02.
  const auto large = torch::tensor({{0.1f, 0.2f}, {0.3f, 0.6f}});
  const auto poses = torch::stack({large, large / 10});
  const auto moved = move_keypoints(poses, torch::full({2, 2, 2}, 0.5f), "pose") - poses;
  EXPECT_NEAR((moved[0] - 0.1).abs().max().item<float>(), 0, 1e-6);
  EXPECT_NEAR((moved[1] - 0.01).abs().max().item<float>(), 0, 1e-6);
}

TEST(KeypointStep, NoStepIsNoChange) {
  const auto poses = torch::rand({3, 5, 2}) * 0.9 + 0.05;
  for (const char* unit : {"image", "pose"}) {
    EXPECT_LT((move_keypoints(poses, torch::zeros_like(poses), unit) - poses).abs().max().item<float>(), 1e-6) << unit;
  }
}

TEST(KeypointStep, PoseOfOnePointCanStillMove) {
  const auto point = torch::full({1, 3, 2}, 0.4f);
  EXPECT_NEAR((move_keypoints(point, torch::ones({1, 3, 2}), "pose") - point).max().item<float>(), 1e-3, 1e-6);
}

}  // namespace
}  // namespace vepe::model
