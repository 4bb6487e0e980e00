#include "infer/tracker.h"

#include <gtest/gtest.h>

namespace vepe::infer {
namespace {

TrackerOptions options() {
  TrackerOptions options;
  options.sigmas.assign(4, 0.08);
  options.start_threshold = 0.4;
  options.keep_threshold = 0.2;
  options.max_missed = 3;
  return options;
}

// A person of 20 x 60 pixels.
Pose person(float x, float y, float score = 0.9f) {
  return {{{x, y, 0.9f}, {x + 20, y, 0.9f}, {x, y + 60, 0.9f}, {x + 20, y + 60, 0.9f}}, score};
}

TEST(Tracker, KeepsIdsOfPeopleWhoCross) {
  Tracker tracker(options());
  std::vector<std::int64_t> first;
  for (int t = 0; t < 40; ++t) {
    const float a = 10.f + 6 * static_cast<float>(t), b = 250.f - 6 * static_cast<float>(t);
    const auto ids = t % 2 ? tracker.update({person(a, 20), person(b, 45)}) : tracker.update({person(b, 45), person(a, 20)});
    const std::vector<std::int64_t> now = t % 2 ? ids : std::vector<std::int64_t>{ids[1], ids[0]};
    if (t == 0) first = now;
    EXPECT_EQ(now, first) << t;
  }
}

TEST(Tracker, OutlivesMissedFramesOfAWalkerAndThenForgets) {
  Tracker tracker(options());
  std::int64_t id = -1;
  for (int t = 0; t < 6; ++t) id = tracker.update({person(10.f + 5 * static_cast<float>(t), 0)})[0];
  for (int t = 6; t < 9; ++t) tracker.update({});
  EXPECT_EQ(tracker.update({person(55, 0)})[0], id);  // where the walk leads
  for (int t = 0; t < 5; ++t) tracker.update({});
  EXPECT_NE(tracker.update({person(80, 0)})[0], id);  // ids are not used again
}

TEST(Tracker, WeakPosesContinueTracksButStartNone) {
  Tracker tracker(options());
  EXPECT_EQ(tracker.update({person(0, 0, 0.3f)})[0], -1);
  const auto id = tracker.update({person(0, 0, 0.5f)})[0];
  EXPECT_GT(id, 0);
  EXPECT_EQ(tracker.update({person(1, 0, 0.3f)})[0], id);
  EXPECT_EQ(tracker.update({person(2, 0, 0.1f)})[0], -1);
  EXPECT_NE(tracker.update({person(300, 300, 0.9f)})[0], id);  // far away is somebody else
}

TEST(InputSize, FollowsTheLongSideOrBothSides) {
  const auto pair = [](InputSize s) { return std::pair(s.width, s.height); };
  EXPECT_EQ(pair(input_size(768, 576, 0, 512)), std::pair(512, 384));
  EXPECT_EQ(pair(input_size(480, 640, 800, 1333)), std::pair(800, 1067));
  EXPECT_EQ(pair(input_size(2000, 500, 800, 1333)), std::pair(1333, 333));
  EXPECT_EQ(pair(input_size(5000, 1, 0, 256)), std::pair(256, 1));
}

}  // namespace
}  // namespace vepe::infer
