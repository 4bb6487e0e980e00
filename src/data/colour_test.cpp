#include "data/colour.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

// The textbook way through HSV, one colour at a time.
std::array<double, 3> reference(std::array<double, 3> rgb, const Colour& colour) {
  for (double& value : rgb) value = (value + colour.brightness) * (colour.contrast_first ? colour.contrast : 1);
  const double high = std::max({rgb[0], rgb[1], rgb[2]}), low = std::min({rgb[0], rgb[1], rgb[2]});
  if (high > low && high != 0) {
    double hue = high == rgb[0]   ? 60 * (rgb[1] - rgb[2]) / (high - low)
                 : high == rgb[1] ? 120 + 60 * (rgb[2] - rgb[0]) / (high - low)
                                  : 240 + 60 * (rgb[0] - rgb[1]) / (high - low);
    hue = std::fmod(hue + colour.hue + 720, 360);
    const double saturation = (high - low) / high * colour.saturation;
    const double sector = std::floor(hue / 60), f = hue / 60 - sector;
    const double p = high * (1 - saturation), q = high * (1 - saturation * f), t = high * (1 - saturation * (1 - f));
    switch (static_cast<int>(sector)) {
      case 0:
        rgb = {high, t, p};
        break;
      case 1:
        rgb = {q, high, p};
        break;
      case 2:
        rgb = {p, high, t};
        break;
      case 3:
        rgb = {p, q, high};
        break;
      case 4:
        rgb = {t, p, high};
        break;
      default:
        rgb = {high, p, q};
    }
  }
  std::array<double, 3> result{};
  for (std::size_t c = 0; c < 3; ++c) {
    result[c] =
        std::clamp(rgb[static_cast<std::size_t>(colour.order[c])] * (colour.contrast_first ? 1 : colour.contrast), 0.0, 255.0);
  }
  return result;
}

TEST(Colour, EqualsTheWayThroughHsv) {
  const video::Image image = noise_picture(40, 25, 3);
  for (const Colour& colour :
       {Colour{.brightness = 20}, Colour{.contrast = 1.4}, Colour{.brightness = -31, .contrast = 0.6, .contrast_first = false},
        Colour{.saturation = 1.5}, Colour{.saturation = 0.5, .hue = -18}, Colour{.hue = 17, .order = {2, 0, 1}},
        Colour{.brightness = 10, .contrast = 1.2, .contrast_first = false, .saturation = 1.3, .hue = 9, .order = {1, 0, 2}}}) {
    video::Image changed = image;
    apply_colour(changed, colour);
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
      const auto expected = reference({double(image.pixels[i]), double(image.pixels[i + 1]), double(image.pixels[i + 2])}, colour);
      for (std::size_t c = 0; c < 3; ++c)
        ASSERT_NEAR(changed.pixels[i + c], expected[c], 0.51) << "pixel " << i / 3 << " channel " << c;
    }
  }
}

TEST(Colour, DefaultsChangeNothing) {
  video::Image image = noise_picture(20, 20, 4);
  const video::Image original = image;
  apply_colour(image, {});
  motion_blur(image, 0, 1);
  gaussian_blur(image, 0);
  add_noise(image, 0, 1);
  EXPECT_EQ(image.pixels, original.pixels);
}

TEST(Colour, GreyMakesChannelsEqual) {
  video::Image image = noise_picture(20, 20, 4);
  apply_colour(image, {.grey = true});
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) ASSERT_EQ(image.pixels[i], image.pixels[i + 2]);
}

TEST(Blur, LeavesAFlatPictureAlone) {
  video::Image flat = black(17, 9);
  std::fill(flat.pixels.begin(), flat.pixels.end(), 77);
  const video::Image original = flat;
  for (const double angle : {0.0, 0.7, 1.6, 2.9}) motion_blur(flat, 25, angle);  // longer than the picture
  gaussian_blur(flat, 6);
  EXPECT_EQ(flat.pixels, original.pixels);
}

TEST(Blur, MotionSpreadsAlongItsLineOnly) {
  video::Image image = black(21, 21);
  std::fill_n(image.row(10) + 30, 3, 250);
  motion_blur(image, 5, 0);
  for (int x = 0; x < 21; ++x) EXPECT_EQ(image.row(10)[3 * x], std::abs(x - 10) <= 2 ? 50 : 0) << x;
  EXPECT_EQ(image.row(9)[30], 0);
}

TEST(Blur, GaussianIsSymmetricAndKeepsTheSum) {
  video::Image image = black(41, 41);
  std::fill_n(image.row(20) + 60, 3, 255);
  gaussian_blur(image, 1.5);
  EXPECT_NEAR(image.row(20)[60], 255 / (2 * M_PI * 1.5 * 1.5), 1);
  double sum = 0;
  for (int y = 0; y < 41; ++y) {
    for (int x = 0; x < 41; ++x) {
      EXPECT_EQ(image.row(y)[3 * x], image.row(x)[3 * y]);
      sum += image.row(y)[3 * x];
    }
  }
  EXPECT_NEAR(sum, 255, 25);  // rounding of each pixel
}

TEST(Noise, IsTheSameForTheSameSeedAndHasItsDeviation) {
  video::Image flat = black(100, 100);
  std::fill(flat.pixels.begin(), flat.pixels.end(), 128);
  video::Image a = flat, b = flat, c = flat;
  add_noise(a, 10, 1), add_noise(b, 10, 1), add_noise(c, 10, 2);
  EXPECT_EQ(a.pixels, b.pixels);
  EXPECT_NE(a.pixels, c.pixels);
  double square = 0;
  for (const std::uint8_t value : a.pixels) square += (value - 128.0) * (value - 128.0);
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(a.pixels.size())), 10, 0.5);
}

}  // namespace
}  // namespace vepe::data
