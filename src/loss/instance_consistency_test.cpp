#include "loss/instance_consistency.h"

#include <cmath>

#include "core/error.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::value;

Tensor at_angles(const std::vector<double>& degrees) {
  std::vector<Tensor> rows;
  for (const double angle : degrees) {
    rows.push_back(torch::tensor({std::cos(angle * M_PI / 180), std::sin(angle * M_PI / 180)}, torch::kDouble));
  }
  return torch::stack(rows);
}

double cosine(double degrees) { return std::cos(degrees * M_PI / 180); }

TEST(InstanceConsistency, ByHand) {
  // Anchors: id 1 at 0, id 2 at 90 degrees. Others: id 1 at 20, id 2 at 60, id 3 at 40 degrees.
  const Tensor anchors = at_angles({0, 90}), others = at_angles({20, 60, 40});
  const Tensor anchor_ids = torch::tensor({{0, 1}, {0, 2}}), other_ids = torch::tensor({{0, 1}, {0, 2}, {0, 3}});
  // Anchor 1: positive at 20, hardest negative id 3 at 40. Anchor 2: positive 30 away, hardest negative id 3, 50 away.
  const double first = -cosine(20) + cosine(40) + 0.3, second = -cosine(30) + cosine(50) + 0.3;
  EXPECT_NEAR(value(instance_consistency(anchors, anchor_ids, others, other_ids, 0.3)), (first + second) / 2, 1e-9);
  // A margin that all triplets keep costs nothing.
  EXPECT_EQ(value(instance_consistency(anchors, anchor_ids, others, other_ids, 0.1)), 0);
}

TEST(InstanceConsistency, PositivesOfAnAnchorAreAveraged) {
  const Tensor others = at_angles({10, 50, 60}), other_ids = torch::tensor({{0, 1}, {0, 1}, {0, 2}});
  const double near = std::max(0.0, -cosine(10) + cosine(60) + 0.3), far = -cosine(50) + cosine(60) + 0.3;
  EXPECT_NEAR(value(instance_consistency(at_angles({0}), torch::tensor({{0, 1}}), others, other_ids, 0.3)), (near + far) / 2, 1e-9);
}

TEST(InstanceConsistency, OtherKeyFrameInstancesAreNegatives) {
  const Tensor anchors = at_angles({0, 30}), others = at_angles({20}), other_ids = torch::tensor({{0, 1}});
  // Only the first anchor has a positive; its only negative is the other anchor.
  const double want = -cosine(20) + cosine(30) + 0.3;
  EXPECT_NEAR(value(instance_consistency(anchors, torch::tensor({{0, 1}, {0, 2}}), others, other_ids, 0.3)), want, 1e-9);
}

TEST(InstanceConsistency, ClipsAreNotComparedAndUnknownIdsTakeNoPart) {
  const Tensor anchors = at_angles({0}), anchor_ids = torch::tensor({{0, 1}});
  const Tensor others = at_angles({20, 5, 10, 40});
  const Tensor other_ids = torch::tensor({{0, 1}, {1, 2}, {0, -1}, {0, 2}});
  const double want = -cosine(20) + cosine(40) + 0.3;  // not the nearer ones of clip 1 and without id
  EXPECT_NEAR(value(instance_consistency(anchors, anchor_ids, others, other_ids, 0.3)), want, 1e-9);
  EXPECT_EQ(value(instance_consistency(anchors, torch::tensor({{0, -1}}), others, other_ids, 0.3)), 0);
  EXPECT_EQ(value(instance_consistency(anchors, torch::tensor({{1, 1}}), others, other_ids, 0.3)), 0);
}

TEST(InstanceConsistency, DoesNotDependOnTheLengthOfTheEmbeddings) {
  const Tensor anchors = at_angles({0, 90}), others = at_angles({20, 60, 40});
  const Tensor anchor_ids = torch::tensor({{0, 1}, {0, 2}}), other_ids = torch::tensor({{0, 1}, {0, 2}, {0, 3}});
  EXPECT_NEAR(value(instance_consistency(7 * anchors, anchor_ids, 0.2 * others, other_ids, 0.3)),
              value(instance_consistency(anchors, anchor_ids, others, other_ids, 0.3)), 1e-9);
}

TEST(InstanceConsistency, WithoutTripletsItIsZeroWithAGraph) {
  const auto check = [](const Tensor& anchor_ids, const Tensor& other_ids) {
    const Tensor anchors = torch::randn({anchor_ids.size(0), 4}).requires_grad_(true);
    const Tensor others = torch::randn({other_ids.size(0), 4}).requires_grad_(true);
    const Tensor loss = instance_consistency(anchors, anchor_ids, others, other_ids, 0.3);
    EXPECT_EQ(value(loss), 0);
    loss.backward();
    ASSERT_TRUE(anchors.grad().defined() && others.grad().defined());
    EXPECT_EQ(value(anchors.grad().abs().sum() + others.grad().abs().sum()), 0);
  };
  const Tensor none = torch::empty({0, 2}, torch::kLong);
  check(none, none);
  check(torch::tensor({{0, 1}}), none);
  check(none, torch::tensor({{0, 1}}));
  check(torch::tensor({{0, 1}}), torch::tensor({{0, 1}}));          // no negative
  check(torch::tensor({{0, 1}}), torch::tensor({{0, 2}, {0, 3}}));  // no positive
}

TEST(InstanceConsistency, GradientIsTheSlopeAndFiniteForZeroRows) {
  torch::manual_seed(31);
  const Tensor anchor_ids = torch::tensor({{0, 1}, {0, 2}, {1, 1}});
  const Tensor other_ids = torch::tensor({{0, 1}, {0, 2}, {1, 1}, {1, 4}, {0, 2}});
  const Tensor anchors = torch::randn({3, 5}, torch::kDouble), others = torch::randn({5, 5}, torch::kDouble);
  testing::expect_gradient([&](const Tensor& x) { return instance_consistency(x, anchor_ids, others, other_ids, 0.3); }, anchors);
  testing::expect_gradient([&](const Tensor& x) { return instance_consistency(anchors, anchor_ids, x, other_ids, 0.3); }, others);
  const Tensor zero = torch::zeros({3, 5}).requires_grad_(true);
  instance_consistency(zero, anchor_ids, others.to(torch::kFloat), other_ids, 0.3).backward();
  EXPECT_TRUE(zero.grad().isfinite().all().item<bool>());
}

TEST(InstanceConsistency, TrainingSeparatesThePersons) {
  torch::manual_seed(32);
  const Tensor anchor_ids = torch::tensor({{0, 1}, {0, 2}, {0, 3}}), other_ids = torch::tensor({{0, 1}, {0, 2}, {0, 3}});
  const Tensor anchors = torch::randn({3, 6}).requires_grad_(true), others = torch::randn({3, 6}).requires_grad_(true);
  for (int step = 0; step < 200; ++step) {
    instance_consistency(anchors, anchor_ids, others, other_ids, 0.3).backward();
    const torch::NoGradGuard no_grad;
    for (const Tensor& rows : {anchors, others}) {
      rows.sub_(0.5 * rows.grad());
      rows.mutable_grad() = Tensor();
    }
  }
  EXPECT_LT(value(instance_consistency(anchors, anchor_ids, others, other_ids, 0.3)), 1e-3);
}

TEST(InstanceConsistency, ReducedPrecisionAndShapes) {
  torch::manual_seed(33);
  const Tensor ids = torch::tensor({{0, 1}, {0, 2}});
  const Tensor anchors = torch::randn({2, 4}).to(torch::kBFloat16), others = torch::randn({2, 4}).to(torch::kBFloat16);
  const Tensor loss = instance_consistency(anchors, ids, others, ids, 2);
  EXPECT_EQ(loss.scalar_type(), torch::kFloat);
  EXPECT_NEAR(value(loss), value(instance_consistency(anchors.to(torch::kFloat), ids, others.to(torch::kFloat), ids, 2)), 1e-6);
  EXPECT_THROW(instance_consistency(anchors, ids, torch::randn({2, 3}), ids, 0.3), Error);
}

}  // namespace
}  // namespace vepe::loss
