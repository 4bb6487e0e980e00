#include "eval/polygon.h"

#include <gtest/gtest.h>

namespace vepe::eval {
namespace {

const formats::Polygon kSquare{{{0, 0}, {10, 0}, {10, 10}, {0, 10}}};

TEST(Polygon, BorderAndCornersAreOutside) {
  EXPECT_TRUE(strictly_inside(kSquare, 5, 5));
  EXPECT_TRUE(strictly_inside(kSquare, 1e-12, 5));
  for (const auto& [x, y] : {std::pair{0.0, 5.0},
                             {10.0, 5.0},
                             {5.0, 0.0},
                             {5.0, 10.0},
                             {0.0, 0.0},
                             {10.0, 10.0},
                             {-1e-12, 5.0},
                             {11.0, 5.0},
                             {5.0, 11.0}}) {
    EXPECT_FALSE(strictly_inside(kSquare, x, y)) << x << " " << y;
  }
}

TEST(Polygon, PointsOnASlantedEdgeAreOutside) {
  const formats::Polygon triangle{{{0, 0}, {30, 10}, {0, 20}}};
  EXPECT_FALSE(strictly_inside(triangle, 3, 1));
  EXPECT_FALSE(strictly_inside(triangle, 15, 5));
  EXPECT_TRUE(strictly_inside(triangle, 15, 5.0000001));
  EXPECT_FALSE(strictly_inside(triangle, 15, 4.9999999));
}

TEST(Polygon, VerticesOnTheRayCountOnce) {
  const formats::Polygon star{{{0, 5}, {4, 6}, {5, 10}, {6, 6}, {10, 5}, {6, 4}, {5, 0}, {4, 4}}};
  EXPECT_TRUE(strictly_inside(star, 5, 5));
  EXPECT_TRUE(strictly_inside(star, 5, 6));
  EXPECT_FALSE(strictly_inside(star, 1, 6));
  EXPECT_FALSE(strictly_inside(star, -1, 5));
}

TEST(Polygon, SelfIntersectionsFollowTheEvenOddRule) {
  const formats::Polygon bow{{{0, 0}, {10, 10}, {10, 0}, {0, 10}}};
  EXPECT_TRUE(strictly_inside(bow, 1, 5));
  EXPECT_TRUE(strictly_inside(bow, 9, 5));
  EXPECT_FALSE(strictly_inside(bow, 5, 1));
}

TEST(Polygon, FewerThanThreePointsHoldNothing) {
  EXPECT_FALSE(strictly_inside({}, 0, 0));
  EXPECT_FALSE(strictly_inside({{{1, 1}}}, 1, 1));
  EXPECT_FALSE(strictly_inside({{{0, 0}, {2, 2}}}, 1, 1));
}

}  // namespace
}  // namespace vepe::eval
