#pragma once

// Generated pictures and sets for the tests of this folder.

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "core/random.h"
#include "data/sample.h"

namespace vepe::data::testing {

inline video::Image black(int width, int height) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 0)};
}

inline video::Image noise_picture(int width, int height, std::uint64_t seed) {
  video::Image image = black(width, height);
  Random random(seed);
  for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(random.integer(0, 255));
  return image;
}

// Slow waves of colour: interpolation changes them little.
inline video::Image smooth_picture(int width, int height) {
  video::Image image = black(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(128 + 60 * std::sin(0.05 * x + c) + 60 * std::cos(0.04 * y * (c + 1)));
      }
    }
  }
  return image;
}

// Adds a soft white dot at continuous position (x, y).
inline void add_dot(video::Image& image, double x, double y, double sigma = 3) {
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column) {
      const double dx = column + 0.5 - x, dy = row + 0.5 - y;
      const double value = 250 * std::exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma));
      for (int c = 0; c < 3; ++c) {
        std::uint8_t& pixel = image.row(row)[3 * column + c];
        pixel = static_cast<std::uint8_t>(std::max<double>(pixel, value));
      }
    }
  }
}

// Brightness-weighted mean position of everything within `radius` of (x, y).
inline std::array<double, 2> dot_near(const video::Image& image, double x, double y, double radius = 14) {
  double sum = 0, sum_x = 0, sum_y = 0;
  for (int row = 0; row < image.height; ++row) {
    for (int column = 0; column < image.width; ++column) {
      if (std::hypot(column + 0.5 - x, row + 0.5 - y) > radius) continue;
      const double value = image.row(row)[3 * column];
      sum += value, sum_x += value * (column + 0.5), sum_y += value * (row + 0.5);
    }
  }
  return sum > 0 ? std::array<double, 2>{sum_x / sum, sum_y / sum} : std::array<double, 2>{-1, -1};
}

inline Person person_at(std::vector<Keypoint> keypoints, Box box) {
  Person person;
  person.keypoints = std::move(keypoints);
  person.box = box;
  person.area = 0.5f * box.width() * box.height();
  return person;
}

// A folder that removes itself.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vepe_data_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

// Four joints: nose, left_hand, right_hand, foot.
inline const char* kCategory =
    R"("categories": [{"id": 1, "name": "person", "keypoints": ["nose", "left_hand", "right_hand", "foot"], "skeleton": []}])";

// A set of `count` pictures with one person each; every third is a portrait. Picture i has id 100 + i.
inline std::string write_set(const TempFolder& folder, int count, const std::string& name = "set") {
  std::filesystem::create_directories(folder / (name + "_images"));
  std::string images, annotations;
  for (int i = 0; i < count; ++i) {
    const int width = i % 3 == 2 ? 60 : 80, height = i % 3 == 2 ? 80 : 60;
    video::Image image = smooth_picture(width, height);
    add_dot(image, 20 + i % 20, 30);
    video::write_image(folder / fmt::format("{}_images/{:012d}.png", name, 100 + i), image);
    const char* comma = i ? "," : "";
    images += fmt::format(R"({}{{"id": {}, "file_name": "{:012d}.png", "width": {}, "height": {}}})", comma, 100 + i, 100 + i,
                          width, height);
    annotations += fmt::format(
        R"({}{{"id": {}, "image_id": {}, "category_id": 1, "iscrowd": 0, "num_keypoints": 3, "keypoints": [{},29.5,2, 30,40,1, 25,45,2, 0,0,0], "bbox": [10, 20, 40, 30], "area": 600}})",
        comma, 1 + i, 100 + i, 19.5 + i % 20);
  }
  return folder.write(name + ".json",
                      fmt::format(R"({{"images": [{}], "annotations": [{}], {}}})", images, annotations, kCategory));
}

}  // namespace vepe::data::testing
