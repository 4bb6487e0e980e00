#include "video/draw.h"

#include <cmath>
#include <limits>

#include "video/test_support.h"

namespace vepe::video {
namespace {

Image black(int width, int height) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
}

double brightness(const Image& image) {
  double sum = 0;
  for (const std::uint8_t value : image.pixels) sum += value;
  return sum / 255;
}

const Skeleton kStick{{{0, 1}, {1, 2}}, {Side::kLeft, Side::kLeft, Side::kRight}};

// The blended area of a line with round ends is length * width + pi r^2, wherever it lies between the pixels.
TEST(Stroke, CoversItsArea) {
  for (const float shift : {0.0f, 0.25f, 0.5f, 0.8f}) {
    for (const auto& [dx, dy] : {std::pair{60.0f, 0.0f}, {0.0f, 60.0f}, {36.0f, 48.0f}, {-48.0f, 36.0f}, {0.0f, 0.0f}}) {
      Image image = black(160, 160);
      const float radius = 3.3f;
      stroke(image, {80 + shift, 80 + shift}, {80 + shift + dx, 80 + shift + dy}, radius, {255, 255, 255});
      const double area = std::hypot(dx, dy) * 2 * radius + M_PI * radius * radius;
      EXPECT_NEAR(brightness(image) / 3, area, 0.02 * area) << dx << "," << dy << " shift " << shift;
    }
  }
}

TEST(Stroke, OpacityBlends) {
  Image image{9, 9, std::vector<std::uint8_t>(9 * 9 * 3, 100)};
  stroke(image, {4, 4}, {4, 4}, 3, {200, 0, 100}, 0.5f);
  EXPECT_NEAR(image.row(4)[3 * 4], 150, 1);
  EXPECT_NEAR(image.row(4)[3 * 4 + 1], 50, 1);
  EXPECT_EQ(image.row(0)[0], 100);
}

TEST(Stroke, OutsideAndNonsenseAreHarmless) {
  Image image = black(20, 10);
  stroke(image, {-50, -50}, {-20, -5}, 4, {255, 255, 255});
  stroke(image, {200, 5}, {300, 5}, 4, {255, 255, 255});
  stroke(image, {std::numeric_limits<float>::quiet_NaN(), 1}, {5, 5}, 3, {255, 255, 255});
  stroke(image, {1, std::numeric_limits<float>::infinity()}, {5, 5}, 3, {255, 255, 255});
  stroke(image, {1e30f, 1}, {5, 5}, 3, {255, 255, 255});
  stroke(image, {5, 5}, {9, 9}, -1, {255, 255, 255});
  stroke(image, {5, 5}, {9, 9}, 3, {255, 255, 255}, 0);
  EXPECT_EQ(brightness(image), 0);
  stroke(image, {-500, 5}, {500, 5}, 2, {255, 255, 255});  // crosses the whole picture
  EXPECT_EQ(image.row(5)[0], 255);
  EXPECT_EQ(image.row(5)[3 * 19], 255);
  Image none;
  stroke(none, {0, 0}, {1, 1}, 2, {255, 255, 255});
}

TEST(Draw, LimbsTakeTheColourOfTheirSide) {
  Image image = black(100, 200);
  const std::vector<DrawKeypoint> points{{20, 20, 1}, {20, 180, 1}, {80, 180, 0.05f}};
  draw_people(image, std::vector<DrawPerson>{{points}}, kStick);
  const std::uint8_t* left = image.row(100) + 3 * 20;
  EXPECT_GT(left[1], 150);  // the left side is green
  EXPECT_LT(left[0], 120);
  EXPECT_EQ(image.row(180)[3 * 50], 0) << "a limb with a keypoint below the threshold is left out";
}

TEST(Draw, DoubtfulKeypointsArePaler) {
  const auto drawn = [](float score) {
    Image image = black(100, 200);
    const std::vector<DrawKeypoint> points{{20, 20, score}, {20, 180, score}};
    draw_people(image, std::vector<DrawPerson>{{points}}, kStick);
    return brightness(image);
  };
  EXPECT_EQ(drawn(0.1f), 0);
  EXPECT_GT(drawn(0.25f), 0);
  EXPECT_LT(drawn(0.25f), 0.7 * drawn(0.9f));
}

TEST(Draw, LineWidthFollowsThePerson) {
  const auto width_at_middle = [](float height) {
    Image image = black(60, 420);
    const std::vector<DrawKeypoint> points{{30, 10, 1}, {30, 10 + height, 1}};
    draw_people(image, std::vector<DrawPerson>{{points}}, kStick);
    int width = 0;
    for (int x = 0; x < 60; ++x) width += image.row(10 + static_cast<int>(height / 2))[3 * x + 1] > 100 ? 1 : 0;
    return width;
  };
  EXPECT_GT(width_at_middle(400), 2 * width_at_middle(80));
}

TEST(Draw, LabelNamesTheTrackAndStaysInside) {
  const std::vector<DrawKeypoint> points{{5, 3, 1}, {5, 90, 1}};
  const auto drawn = [&](std::int64_t id, bool labels) {
    Image image = black(120, 100);
    draw_people(image, std::vector<DrawPerson>{{points, 1, id}}, kStick, {.labels = labels});
    return image;
  };
  EXPECT_FALSE(drawn(7, true).pixels == drawn(7, false).pixels);
  EXPECT_TRUE(drawn(-1, true).pixels == drawn(-1, false).pixels) << "no track, no label";
  EXPECT_FALSE(drawn(7, true).pixels == drawn(8, true).pixels);
}

TEST(Draw, EmptyAndOddInputIsHarmless) {
  Image image = black(30, 30);
  const double nan = std::nan("");
  const std::vector<DrawKeypoint> bad{
      {static_cast<float>(nan), 1, 1}, {1, static_cast<float>(nan), 1}, {5, 5, static_cast<float>(nan)}};
  const Skeleton wild{{{0, 99}, {-1, 2}, {1, 2}}, {}};
  draw_people(image, std::vector<DrawPerson>{{bad, 1, 3}, {{}, 1, 4}}, wild);
  EXPECT_EQ(brightness(image), 0);
  Image none;
  draw_people(none, std::vector<DrawPerson>{{bad}}, kStick);
}

TEST(Draw, SkeletonKnowsSides) {
  const Skeleton skeleton = skeleton_of(formats::coco17());
  ASSERT_EQ(skeleton.sides.size(), 17u);
  EXPECT_EQ(skeleton.sides[0], Side::kCentre);
  EXPECT_EQ(skeleton.sides[5], Side::kLeft);
  EXPECT_EQ(skeleton.sides[16], Side::kRight);
  EXPECT_GE(skeleton.limbs.size(), 12u);
}

TEST(Draw, NearTrackIdsDifferClearly) {
  for (std::int64_t id = 0; id < 200; ++id) {
    for (std::int64_t other = id + 1; other < id + 3; ++other) {
      const Colour a = track_colour(id), b = track_colour(other);
      EXPECT_GT(std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]), 120) << id << " and " << other;
    }
  }
}

TEST(Trails, FadeAndForget) {
  Trails trails(10);
  const auto step = [&](float x, std::int64_t id) {
    const std::vector<DrawKeypoint> points{{x, 20, 1}, {x, 80, 1}};
    trails.update(std::vector<DrawPerson>{{points, 1, id}});
  };
  for (int i = 0; i < 40; ++i) step(10.0f + 2.0f * static_cast<float>(i), 1);
  Image image = black(120, 100);
  trails.draw(image);
  const auto at = [&](int x) {
    int most = 0;
    for (int y = 70; y < 90; ++y)
      most = std::max({most, int{image.row(y)[3 * x]}, int{image.row(y)[3 * x + 1]}, int{image.row(y)[3 * x + 2]}});
    return most;
  };
  EXPECT_GT(at(84), at(74)) << "old pieces are paler";
  EXPECT_EQ(at(50), 0) << "older than ten frames is gone";
  for (int i = 0; i < 10; ++i) trails.update({});
  EXPECT_EQ(trails.tracks(), 0u);
  for (std::int64_t id = 0; id < 1000; ++id) step(50, id);
  EXPECT_LE(trails.tracks(), 10u) << "memory is bounded by the last frames";
  step(50, -1);
  EXPECT_LE(trails.tracks(), 10u);
}

}  // namespace
}  // namespace vepe::video
