#pragma once

// Shared by the tests of this folder; not part of the library.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "video/image.h"
#include "video/reader.h"

namespace vepe::video {

inline std::filesystem::path torture(const std::string& name) {
  return std::filesystem::path(VEPE_SOURCE_DIR) / "tests/data/video/torture" / name;
}

// A folder of this test's own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() / ("vepe-" + std::string(test->name()) + "-" + std::to_string(::getpid()));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::vector<Frame> read_all(const std::filesystem::path& path, const ReaderOptions& options = {}) {
  VideoReader reader(path.string(), options);
  std::vector<Frame> frames;
  for (Frame frame; reader.read(frame);) frames.push_back(frame);
  return frames;
}

// Peak signal-to-noise ratio in dB of two pictures of one size.
inline double psnr(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = static_cast<double>(a.pixels[i]) - b.pixels[i];
    sum += difference * difference;
  }
  return 10 * std::log10(255.0 * 255.0 / std::max(sum / static_cast<double>(a.pixels.size()), 1e-9));
}

// Runs `action`, which has to throw Error with `code`; returns its line, which has to name a remedy.
inline std::string error_line(ErrorCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace vepe::video
