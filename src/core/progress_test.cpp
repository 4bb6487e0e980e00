#include "core/progress.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace vepe {
namespace {

TEST(Progress, RateAndTimeLeftCountOnlyWhatThisRunHasDone) {
  testing::internal::CaptureStderr();
  {
    Progress progress(ProgressStyle::kJson, "training", "steps", 1000, 900);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    progress.update(910);
    progress.finish();
  }
  const auto line = nlohmann::json::parse(testing::internal::GetCapturedStderr());
  const double elapsed = line.at("elapsed_s"), rate = line.at("per_second");
  EXPECT_EQ(line.at("done"), 910);
  EXPECT_NEAR(rate * elapsed, 10, 1e-6);
  EXPECT_NEAR(line.at("left_s").get<double>() * rate, 90, 1e-6);
}

}  // namespace
}  // namespace vepe
