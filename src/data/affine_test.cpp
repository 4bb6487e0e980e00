#include "data/affine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

constexpr std::array<std::uint8_t, 3> kBorder{9, 8, 7};

Affine random_affine(Random& random) {
  return Affine::translation(random.uniform(-20, 20), random.uniform(-20, 20)) * Affine::rotation(random.uniform(-3, 3)) *
         Affine::scaling(random.uniform(0.6, 2), random.uniform(0.6, 2));
}

int largest_difference(const video::Image& a, const video::Image& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  int largest = 0;
  for (std::size_t i = 0; i < std::min(a.pixels.size(), b.pixels.size()); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

TEST(Affine, InverseUndoesEveryMap) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const Affine map = random_affine(random), both = map.inverse() * map;
    const auto [x, y] = both(12.5, -3.25);
    EXPECT_NEAR(x, 12.5, 1e-9) << "seed " << seed;
    EXPECT_NEAR(y, -3.25, 1e-9) << "seed " << seed;
  }
}

TEST(WarpImage, IdentityAndTwoMirrorsGiveTheSamePixels) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 3}, {37, 21}, {64, 64}}) {
    const video::Image image = noise_picture(width, height, 5);
    EXPECT_EQ(warp_image(image, {}, width, height, kBorder).pixels, image.pixels);
    const Affine mirror = Affine::mirror(width);
    const video::Image once = warp_image(image, mirror, width, height, kBorder);
    EXPECT_EQ(once.row(0)[0], image.row(0)[3 * (width - 1)]);
    EXPECT_EQ(warp_image(once, mirror, width, height, kBorder).pixels, image.pixels);
  }
}

TEST(WarpImage, ScalingEqualsBilinearResizing) {
  const video::Image image = noise_picture(80, 61, 1);
  for (const auto& [width, height] : {std::pair{160, 122}, {60, 45}, {100, 70}, {41, 33}, {80, 200}}) {
    const Affine scale = Affine::scaling(width / 80.0, height / 61.0);
    EXPECT_LE(largest_difference(warp_image(image, scale, width, height, kBorder), video::resize_bilinear(image, width, height)), 2)
        << width << "x" << height;
  }
}

TEST(WarpImage, WholePixelShiftsMovePixelsAndFillTheBorder) {
  const video::Image image = noise_picture(30, 20, 2);
  const video::Image moved = warp_image(image, Affine::translation(4, -3), 30, 20, kBorder);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 30; ++x) {
      for (int c = 0; c < 3; ++c) {
        const bool covered = x >= 4 && y < 17;
        ASSERT_EQ(moved.row(y)[3 * x + c], covered ? image.row(y + 3)[3 * (x - 4) + c] : kBorder[static_cast<std::size_t>(c)])
            << x << "," << y;
      }
    }
  }
}

TEST(WarpImage, ShrinkingAveragesInsteadOfSkippingPixels) {
  video::Image image = black(64, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) std::fill_n(image.row(y) + 3 * x, 3, (x + y) % 2 ? 255 : 0);
  }
  for (const std::uint8_t value : warp_image(image, Affine::scaling(0.25, 0.25), 16, 16, kBorder).pixels)
    ASSERT_NEAR(value, 128, 2);
}

TEST(WarpImage, PictureAndKeypointsMoveTogether) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    video::Image image = black(200, 150);
    const double x = random.uniform(60, 140), y = random.uniform(50, 100);
    add_dot(image, x, y);
    const Affine map = Affine::translation(150, 150) * Affine::rotation(random.uniform(-3, 3)) *
                       Affine::scaling(random.uniform(0.45, 1.5), random.uniform(0.45, 1.5)) * Affine::translation(-x + 5, -y - 4);
    const auto expected = map(x, y);
    const auto found = dot_near(warp_image(image, map, 300, 300, {0, 0, 0}), expected[0], expected[1]);
    EXPECT_NEAR(found[0], expected[0], 0.1) << "seed " << seed;
    EXPECT_NEAR(found[1], expected[1], 0.1) << "seed " << seed;
  }
}

Sample one_person() {
  Sample sample;
  sample.image.width = 100, sample.image.height = 80;
  sample.people.push_back(person_at({{10, 20, 2}, {30, 40, 1}, {0, 0, 0}, {50, 70, 2}}, {5, 10, 55, 75}));
  return sample;
}

TEST(WarpLabels, MapAndItsInverseReturnKeypoints) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    const Affine map = Affine::translation(500, 500) * random_affine(random);
    Sample sample = one_person();
    warp_labels(sample, {.canvas_from_image = map, .width = 1000, .height = 1000});
    warp_labels(sample, {.canvas_from_image = map.inverse(), .width = 100, .height = 80});
    ASSERT_EQ(sample.people.size(), 1u);
    const Sample original = one_person();
    for (std::size_t k = 0; k < 4; ++k) {
      EXPECT_NEAR(sample.people[0].keypoints[k].x, original.people[0].keypoints[k].x, 1e-3) << "seed " << seed;
      EXPECT_NEAR(sample.people[0].keypoints[k].y, original.people[0].keypoints[k].y, 1e-3) << "seed " << seed;
      EXPECT_EQ(sample.people[0].keypoints[k].visibility, original.people[0].keypoints[k].visibility);
    }
  }
}

TEST(WarpLabels, FlipExchangesLeftAndRightAndTwiceIsIdentity) {
  const LabelWarp flip{
      .canvas_from_image = Affine::mirror(100), .width = 100, .height = 80, .flip = true, .flip_order = {0, 2, 1, 3}};
  Sample sample = one_person();
  warp_labels(sample, flip);
  EXPECT_EQ(sample.people[0].keypoints[2].x, 70);
  EXPECT_EQ(sample.people[0].keypoints[2].visibility, 1);
  EXPECT_EQ(sample.people[0].keypoints[1].visibility, 0);
  EXPECT_EQ(sample.people[0].box.x0, 45);
  EXPECT_EQ(sample.people[0].box.x1, 95);
  warp_labels(sample, flip);
  EXPECT_EQ(sample.people[0].keypoints[1].x, 30);
  EXPECT_EQ(sample.people[0].keypoints[1].visibility, 1);
  EXPECT_EQ(sample.people[0].box.x0, 5);
}

TEST(WarpLabels, WhatLeavesTheCanvasIsNotLabelled) {
  Sample sample = one_person();
  sample.ignore_boxes = {{80, 0, 100, 20}, {0, 0, 20, 20}};
  warp_labels(sample, {.canvas_from_image = Affine::translation(-25, 0), .width = 50, .height = 80, .area_factor = 1});
  ASSERT_EQ(sample.people.size(), 1u);
  const Person& person = sample.people[0];
  EXPECT_EQ(person.keypoints[0].visibility, 0);
  EXPECT_EQ(person.keypoints[0].x, 0);
  EXPECT_EQ(person.keypoints[1].x, 5);
  EXPECT_EQ(person.box.x0, 0);
  EXPECT_EQ(person.box.x1, 30);
  EXPECT_EQ(person.area, one_person().people[0].area);
  EXPECT_TRUE(sample.ignore_boxes.empty());  // one is outside, one reaches in by no pixel
}

TEST(WarpLabels, PersonWithoutKeypointsLeftBecomesARegionToIgnore) {
  Sample sample = one_person();
  warp_labels(sample, {.canvas_from_image = Affine::translation(0, -71), .width = 100, .height = 80});
  EXPECT_TRUE(sample.people.empty());
  ASSERT_EQ(sample.ignore_boxes.size(), 1u);
  EXPECT_EQ(sample.ignore_boxes[0].y1, 4);
  Sample gone = one_person();
  warp_labels(gone, {.canvas_from_image = Affine::translation(0, -73), .width = 100, .height = 80});
  EXPECT_TRUE(gone.people.empty());
  EXPECT_TRUE(gone.ignore_boxes.empty());  // 2 pixels are left of the box
}

TEST(WarpLabels, AreaFollowsResizingAndSmallPeopleAreIgnored) {
  Sample sample = one_person();
  warp_labels(sample,
              {.canvas_from_image = Affine::scaling(0.5, 0.5), .width = 50, .height = 40, .area_factor = 0.25, .min_person = 30});
  ASSERT_EQ(sample.people.size(), 1u);
  EXPECT_EQ(sample.people[0].area, one_person().people[0].area / 4);
  warp_labels(sample,
              {.canvas_from_image = Affine::scaling(0.5, 0.5), .width = 25, .height = 20, .area_factor = 0.25, .min_person = 30});
  EXPECT_TRUE(sample.people.empty());
  EXPECT_EQ(sample.ignore_boxes.size(), 1u);
}

TEST(Coordinates, FileAndInsideAreInverse) {
  for (const double x : {0.0, 0.37, 180.53, 415.99, 1919.0}) {
    const float inside = static_cast<float>(inside_from_file(x));
    EXPECT_EQ(std::round(file_from_inside(inside) * 100), std::round(x * 100));
  }
  EXPECT_EQ(inside_from_file(0), 0.5);
}

}  // namespace
}  // namespace vepe::data
