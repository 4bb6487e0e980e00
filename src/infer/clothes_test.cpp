#include "infer/clothes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vepe::infer {
namespace {

using Rgb = std::array<int, 3>;
constexpr Rgb kRed{170, 40, 45}, kBlue{40, 60, 150}, kBlack{30, 30, 34}, kJeans{80, 95, 125};

video::Image grey_picture(int width = 200, int height = 200) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 128)};
}

// A person `size` pixels tall whose head is at x, y, in the joints of `set`; drawn unless `image` is null.
Pose draw(video::Image* image, float x, float y, float size, Rgb shirt, Rgb trousers,
          const formats::JointSet& set = formats::coco17()) {
  Pose pose{std::vector<PoseKeypoint>(static_cast<std::size_t>(set.size()), {x, y, 0.9f}), 0.9f, {}};
  const auto place = [&](const char* joint, float across, float down) {
    for (const bool left : {true, false}) {
      const int k = set.index((left ? "left_" : "right_") + std::string(joint));
      pose.keypoints[static_cast<std::size_t>(k)] = {x + (left ? across : -across) * size, y + down * size, 0.9f};
    }
  };
  place("shoulder", 0.12f, 0.1f), place("hip", 0.09f, 0.45f), place("knee", 0.08f, 0.7f), place("ankle", 0.08f, 0.95f);
  const auto fill = [&](float from, float to, Rgb colour) {
    for (int v = static_cast<int>(y + from * size); image && v < static_cast<int>(y + to * size); ++v) {
      for (int u = static_cast<int>(x - 0.13f * size); u <= static_cast<int>(x + 0.13f * size); ++u) {
        if (u < 0 || v < 0 || u >= image->width || v >= image->height) continue;
        for (std::size_t c = 0; c < 3; ++c) image->row(v)[3 * u + static_cast<int>(c)] = static_cast<std::uint8_t>(colour[c]);
      }
    }
  };
  fill(0.08f, 0.46f, shirt), fill(0.46f, 1.f, trousers);
  return pose;
}

const ClothedJoints kCoco = clothed_joints(formats::coco17());

Clothes seen(Rgb shirt, Rgb trousers, float size = 120) {
  video::Image image = grey_picture();
  const Pose pose = draw(&image, 100, 30, size, shirt, trousers);
  return describe_clothes(image, pose, kCoco);
}

TEST(Clothes, ARedShirtIsNoBlueShirt) {
  EXPECT_NEAR(*likeness(seen(kRed, kBlack), seen(kRed, kBlack)), 1, 1e-5);
  EXPECT_NEAR(*likeness(seen(kRed, kBlack), seen(kBlue, kBlack)), 0.5, 0.1);  // the trousers are alike
  EXPECT_LT(*likeness(seen(kRed, kBlack), seen(kBlue, kRed)), 0.1);
  EXPECT_LT(*likeness(seen(kRed, kBlack), seen(kBlack, kRed)), 0.1);  // the same colours elsewhere
}

TEST(Clothes, DoNotDependOnTheSizeOfAPersonOrTheOrderOfJoints) {
  EXPECT_GT(*likeness(seen(kRed, kJeans, 150), seen(kRed, kJeans, 50)), 0.95);
  for (const formats::JointSet* set : {&formats::posetrack15(), &formats::posetrack18()}) {
    video::Image image = grey_picture();
    const Pose pose = draw(&image, 100, 30, 120, kRed, kJeans, *set);
    EXPECT_GT(*likeness(describe_clothes(image, pose, clothed_joints(*set)), seen(kRed, kJeans)), 0.999) << set->id;
  }
}

TEST(Clothes, SurviveAnotherExposure) {
  for (const double gain : {0.75, 1.3}) {
    Rgb shirt = kRed, trousers = kJeans;
    for (int& v : shirt) v = static_cast<int>(gain * v);
    for (int& v : trousers) v = static_cast<int>(gain * v);
    EXPECT_GT(*likeness(seen(shirt, trousers), seen(kRed, kJeans)), 0.75) << gain;
    EXPECT_LT(*likeness(seen(shirt, trousers), seen(kBlue, kJeans)), 0.7) << gain;
  }
}

TEST(Clothes, UnknownOutsideOfThePictureOrWhenTiny) {
  video::Image image = grey_picture();
  EXPECT_TRUE(describe_clothes(image, draw(nullptr, 500, 30, 120, kRed, kBlack), kCoco).empty());
  EXPECT_TRUE(describe_clothes(image, draw(nullptr, -500, -300, 120, kRed, kBlack), kCoco).empty());
  EXPECT_TRUE(describe_clothes(image, draw(&image, 100, 30, 8, kRed, kBlack), kCoco).empty());
  EXPECT_FALSE(describe_clothes(image, draw(&image, 100, 30, 40, kRed, kBlack), kCoco).empty());
  EXPECT_FALSE(likeness({}, seen(kRed, kBlack)).has_value());
  EXPECT_FALSE(likeness(seen(kRed, kBlack), {}).has_value());
}

TEST(Clothes, ReachOverTheBorderAndBadKeypointsAreNotRead) {
  video::Image image = grey_picture();
  const Pose half = draw(&image, 2, 30, 120, kRed, kBlack);
  EXPECT_GT(*likeness(describe_clothes(image, half, kCoco), seen(kRed, kBlack)), 0.95);
  Pose wild = half;
  for (std::size_t k = 0; k < wild.keypoints.size(); ++k) wild.keypoints[k].x = k % 2 ? 1e30f : std::nanf("");
  EXPECT_TRUE(describe_clothes(image, wild, kCoco).empty());
  EXPECT_TRUE(describe_clothes({}, half, kCoco).empty());
  EXPECT_TRUE(describe_clothes(image, Pose{}, kCoco).empty());
}

TEST(Clothes, PartsThatAreMissingSayNothing) {
  video::Image image = grey_picture();
  Pose pose = draw(&image, 100, 30, 120, kRed, kBlack);
  for (const char* joint : {"left_knee", "right_knee"}) {
    pose.keypoints[static_cast<std::size_t>(formats::coco17().index(joint))].score = 0.01f;
  }
  const Clothes torso = describe_clothes(image, pose, kCoco);
  EXPECT_NEAR(*likeness(torso, seen(kRed, kBlue)), 1, 1e-3);  // whatever the legs
  pose.keypoints[static_cast<std::size_t>(formats::coco17().index("left_shoulder"))].score = 0.01f;
  EXPECT_GT(*likeness(describe_clothes(image, pose, kCoco), torso), 0.9);  // one shoulder is enough
  for (const char* joint : {"left_hip", "right_hip"}) {
    pose.keypoints[static_cast<std::size_t>(formats::coco17().index(joint))].score = 0.01f;
  }
  EXPECT_TRUE(describe_clothes(image, pose, kCoco).empty());
}

TEST(Clothes, AnAverageTakesFromEachWhatTheOtherLacks) {
  Clothes average;
  blend_clothes(average, seen(kRed, kBlack), 0.9);
  EXPECT_EQ(average, seen(kRed, kBlack));
  for (int t = 0; t < 3; ++t) blend_clothes(average, seen(kBlue, kBlack), 0.9);
  EXPECT_GT(*likeness(average, seen(kRed, kBlack)), *likeness(average, seen(kBlue, kBlack)));
  for (int t = 0; t < 30; ++t) blend_clothes(average, seen(kBlue, kBlack), 0.9);
  EXPECT_GT(*likeness(average, seen(kBlue, kBlack)), 0.95);
  blend_clothes(average, {}, 0.9);
  EXPECT_GT(*likeness(average, seen(kBlue, kBlack)), 0.95);
}

}  // namespace
}  // namespace vepe::infer
