#include "data/augment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "data/occluder.h"
#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

// One person whose second joint carries the only bright dot of a black picture.
Sample dotted(int width = 200, int height = 150, double x = 90, double y = 80) {
  Sample sample;
  sample.image = black(width, height);
  sample.image_id = 7;
  sample.source_width = width, sample.source_height = height;
  add_dot(sample.image, x, y);
  const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
  sample.people.push_back(
      person_at({{fx - 10, fy, 2}, {fx, fy, 2}, {0, 0, 0}, {fx, fy + 20, 1}}, {fx - 20, fy - 20, fx + 20, fy + 30}));
  return sample;
}

AugmentConfig geometry_only(const std::string& policy) {
  AugmentConfig config;
  config.policy = policy;
  config.photometric = config.permute = 0;
  config.border = {0, 0, 0};
  config.flip_order = {0, 2, 1, 3};
  config.short_low = 100, config.short_high = 300, config.long_max = 350;
  config.crop_shorts = {120, 180}, config.crop_low = 90, config.crop_high = 160;
  return config;
}

class Policies : public ::testing::TestWithParam<std::string> {};

TEST_P(Policies, KeypointsStayOnWhatThePictureShows) {
  const AugmentConfig config = geometry_only(GetParam());
  int seen = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const Sample result = augment(dotted(), config, random);
    if (result.people.empty()) continue;
    const std::vector<Keypoint>& keypoints = result.people[0].keypoints;
    const Keypoint& dot = keypoints[1].visibility > 0 ? keypoints[1] : keypoints[2];  // renamed by the flip
    const double margin = 15;
    if (dot.visibility == 0 || dot.x < margin || dot.y < margin || dot.x > result.image.width - margin ||
        dot.y > result.image.height - margin)
      continue;
    const auto found = dot_near(result.image, dot.x, dot.y);
    EXPECT_NEAR(found[0], dot.x, 0.25) << "seed " << seed;
    EXPECT_NEAR(found[1], dot.y, 0.25) << "seed " << seed;
    ++seen;
  }
  EXPECT_GT(seen, 30);
}

TEST_P(Policies, SameSeedGivesTheSameSample) {
  AugmentConfig config;
  config.policy = GetParam();
  config.flip_order = {0, 2, 1, 3};
  config.blur = config.noise = config.occluders = 1;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Random a(seed), b(seed), c(seed + 100);
    const Sample first = augment(dotted(), config, a), second = augment(dotted(), config, b), other = augment(dotted(), config, c);
    EXPECT_EQ(first.image.pixels, second.image.pixels);
    EXPECT_NE(first.image.pixels, other.image.pixels);
    EXPECT_EQ(a.state(), b.state());
  }
}

INSTANTIATE_TEST_SUITE_P(Augment, Policies, ::testing::Values("affine", "petr"));

TEST(Augment, NoneIsTheResizingOfInference) {
  AugmentConfig config = geometry_only("none");
  config.long_sides = {128};
  Random random(1);
  const Sample source = dotted(), result = augment(source, config, random);
  EXPECT_EQ(result.image.width, 128);
  EXPECT_EQ(result.image.height, 96);
  EXPECT_EQ(result.image.pixels, video::resize_bilinear(source.image, 128, 96).pixels);
  EXPECT_FLOAT_EQ(result.people[0].keypoints[1].x, 90 * 0.64f);
  EXPECT_FLOAT_EQ(result.people[0].area, source.people[0].area * 0.64f * 0.64f);
  EXPECT_EQ(result.image_id, 7);
}

TEST(Augment, PetrKeepsItsSizes) {
  const AugmentConfig config = geometry_only("petr");
  bool cropped = false, whole = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const AugmentParams params = draw_augment(config, random);
    const Sample result = apply_augment(dotted(), params);
    const auto [low, high] = std::minmax(result.image.width, result.image.height);
    EXPECT_LE(high, config.long_max);
    EXPECT_TRUE(low == params.short_side || high == config.long_max) << result.image.width << "x" << result.image.height;
    (params.crop ? cropped : whole) = true;
    if (!params.crop) {
      EXPECT_NEAR(static_cast<double>(result.image.width) / result.image.height, 200.0 / 150, 0.02);
    }
  }
  EXPECT_TRUE(cropped && whole);
}

TEST(Augment, AreaIsScaledAsThePictureIs) {
  const AugmentConfig config = geometry_only("affine");
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const AugmentParams params = draw_augment(config, random, 300);
    const Sample source = dotted(), result = apply_augment(source, params);
    if (result.people.empty() || result.people[0].keypoints[0].visibility == 0 || params.flip) continue;
    const Keypoint &a = result.people[0].keypoints[0], &b = result.people[0].keypoints[1];
    if (b.visibility == 0) continue;
    const double factor = std::hypot(a.x - b.x, a.y - b.y) / 10;  // the joints are 10 pixels apart
    EXPECT_NEAR(result.people[0].area, source.people[0].area * factor * factor, 0.01 * result.people[0].area) << "seed " << seed;
  }
}

TEST(Augment, OneDrawMovesAllFramesOfAClipAlike) {
  const AugmentConfig config = geometry_only("affine");
  Random random(3);
  const AugmentParams params = draw_augment(config, random, 256);
  const Sample a = apply_augment(dotted(200, 150, 90, 80), params), b = apply_augment(dotted(200, 150, 96, 80), params);
  const auto joint = [&](const Sample& sample) { return sample.people.at(0).keypoints[params.flip ? 2 : 1]; };
  const double factor = 256.0 / 200 * params.scale;
  EXPECT_NEAR(std::hypot(joint(a).x - joint(b).x, joint(a).y - joint(b).y), 6 * factor, 1e-3);
}

TEST(Augment, FlipWithoutTheMirroredJointsIsRefused) {
  AugmentConfig config = geometry_only("affine");
  config.flip = 1;
  config.flip_order = {1, 0};
  Random random(1);
  EXPECT_THROW(augment(dotted(), config, random), Error);
}

TEST(Occluders, HideKeypointsButKeepTheirLabels) {
  int hidden = 0, ignored = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Sample sample = dotted();
    sample.image = noise_picture(200, 150, seed);
    const Sample before = sample;
    add_occluders(sample, 1, seed);
    EXPECT_NE(sample.image.pixels, before.image.pixels);
    EXPECT_EQ(sample.people.size() + sample.ignore_boxes.size(), 1u);
    ignored += static_cast<int>(sample.ignore_boxes.size());
    if (sample.people.empty()) continue;
    for (std::size_t k = 0; k < 4; ++k) {
      const Keypoint &now = sample.people[0].keypoints[k], &then = before.people[0].keypoints[k];
      EXPECT_EQ(now.x, then.x);
      EXPECT_EQ(now.visibility > 0, then.visibility > 0);
      hidden += now.visibility < then.visibility;
    }
  }
  EXPECT_GT(hidden, 30);
  EXPECT_LT(ignored, 10);  // most patches leave something of a person
}

TEST(Mosaic, ShowsFourPicturesWithTheirPeople) {
  AugmentConfig config = geometry_only("affine");
  config.scale_low = config.scale_high = 1, config.translate = 0, config.rotation = 0;
  std::array<Sample, 4> parts{dotted(), dotted(150, 200, 70, 90), dotted(), dotted()};
  parts[3].unlabelled_bystanders = true;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Random random(seed);
    const Sample result = mosaic({&parts[0], &parts[1], &parts[2], &parts[3]}, config, random, 400);
    EXPECT_EQ(result.image.width, 400);
    EXPECT_EQ(result.image.height, 300);
    EXPECT_FALSE(result.unlabelled_bystanders);
    ASSERT_EQ(result.people.size() + result.ignore_boxes.size(), 5u) << "seed " << seed;
    for (const Person& person : result.people) {
      const Keypoint& dot = person.keypoints[1].visibility > 0 ? person.keypoints[1] : person.keypoints[2];
      if (dot.visibility == 0) continue;
      const auto found = dot_near(result.image, dot.x, dot.y, 8);
      EXPECT_NEAR(found[0], dot.x, 0.5) << "seed " << seed;
      EXPECT_NEAR(found[1], dot.y, 0.5) << "seed " << seed;
    }
    const Box& quarter = result.ignore_boxes.back();  // of the picture with unlabelled bystanders
    EXPECT_EQ(quarter.x1, 400);
    EXPECT_EQ(quarter.y1, 300);
  }
}

Sample picture_with_one() {
  Sample sample;
  sample.image = smooth_picture(80, 60);
  sample.people = {person_at({{12, 20, 2}, {15, 40, 2}}, {5, 5, 25, 55})};
  return sample;
}

TEST(BackgroundPart, HoldsNobodyAndTheRightPixels) {
  Sample sample = picture_with_one();
  Random random(3);
  int found = 0;
  for (int draw = 0; draw < 50; ++draw) {
    const auto part = background_part(sample, random);
    if (!part) continue;
    ++found;
    EXPECT_TRUE(part->people.empty());
    EXPECT_LT(part->image.width, sample.image.width);
    // The part is found again in the picture, clear of the person.
    bool matched = false;
    for (int top = 0; top + part->image.height <= sample.image.height && !matched; ++top) {
      for (int left = 0; left + part->image.width <= sample.image.width && !matched; ++left) {
        const Box& box = sample.people[0].box;
        if (box.x0 < static_cast<float>(left + part->image.width) && box.x1 > static_cast<float>(left) &&
            box.y0 < static_cast<float>(top + part->image.height) && box.y1 > static_cast<float>(top)) {
          continue;
        }
        matched = std::equal(part->image.row(0), part->image.row(0) + 3 * part->image.width, sample.image.row(top) + 3 * left);
      }
    }
    EXPECT_TRUE(matched);
  }
  EXPECT_GT(found, 0);
}

TEST(BackgroundPart, IsNotTakenWherePeopleMayBeUnlabelled) {
  Random random(3);
  Sample crowd = picture_with_one();
  crowd.ignore_boxes = {{0, 0, static_cast<float>(crowd.image.width), static_cast<float>(crowd.image.height)}};
  EXPECT_FALSE(background_part(crowd, random));
  Sample single = picture_with_one();
  single.people.clear();
  single.unlabelled_bystanders = true;
  EXPECT_FALSE(background_part(single, random));
}

}  // namespace
}  // namespace vepe::data
