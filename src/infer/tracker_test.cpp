#include "infer/tracker.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "formats/joints.h"
#include "infer/relink.h"

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

Pose with_look(Pose pose, std::vector<float> embedding) {
  pose.embedding = std::move(embedding);
  return pose;
}

// Two people meet, stand in front of each other, and turn back the way they came: motion says that they passed.
std::vector<std::vector<std::int64_t>> ids_of_a_meeting(bool embeddings, double alpha = 0.5) {
  TrackerOptions chosen = options();
  chosen.alpha = alpha;
  Tracker tracker(chosen);
  std::vector<std::vector<std::int64_t>> ids;
  for (int t = 0; t <= 40; ++t) {
    const float away = std::abs(6.f * static_cast<float>(20 - t));
    Pose left = person(200 - away, 20), right = person(200 + away, 22);
    if (embeddings) left.embedding = {0.995f, 0.1f, 0}, right.embedding = {0.1f, 0.995f, 0};
    ids.push_back(tracker.update({left, right}));
  }
  return ids;
}

TEST(Tracker, EmbeddingsKeepTheIdsOfPeopleWhoMeetAndTurnBack) {
  const auto by_look = ids_of_a_meeting(true), by_motion = ids_of_a_meeting(false), ignored = ids_of_a_meeting(true, 0);
  for (const auto& ids : by_look) EXPECT_EQ(ids, by_look.front());
  EXPECT_EQ(by_motion.back(), (std::vector<std::int64_t>{by_motion.front()[1], by_motion.front()[0]}));
  EXPECT_EQ(ignored, by_motion);
}

TEST(Tracker, FindsWhoWasHiddenByLookAndOnlyNearby) {
  const auto id_after_gap = [](float x, std::vector<float> look) {
    Tracker tracker(options());
    for (int t = 0; t < 5; ++t) tracker.update({with_look(person(100, 0), {1, 0})});
    for (int t = 0; t < 3; ++t) tracker.update({});
    return tracker.update({with_look(person(x, 0), std::move(look))})[0];
  };
  EXPECT_EQ(id_after_gap(160, {1, 0}), 1);  // three widths away, looks the same
  EXPECT_EQ(id_after_gap(160, {0, 1}), 2);  // looks different
  EXPECT_EQ(id_after_gap(160, {}), 2);      // no look: motion alone
  EXPECT_EQ(id_after_gap(900, {1, 0}), 2);  // too far
}

TEST(Tracker, LivesThroughThirtyMissedFramesAndNotOneMore) {
  for (const int missed : {30, 31}) {
    TrackerOptions chosen = options();
    chosen.max_missed = TrackerOptions{}.max_missed;
    Tracker tracker(chosen);
    tracker.update({person(0, 0)});
    for (int t = 0; t < missed; ++t) tracker.update({});
    EXPECT_EQ(tracker.update({person(0, 0)})[0], missed == 30 ? 1 : 2);
  }
}

TEST(Tracker, AveragesEmbeddingsSoThatOneOddFrameCountsLittle) {
  Tracker tracker(options());
  for (int t = 0; t < 10; ++t) tracker.update({with_look(person(0, 0), {1, 0}), with_look(person(200, 0), {0, 1})});
  const auto odd = tracker.update({with_look(person(0, 0), {0, 1}), with_look(person(200, 0), {1, 0})});  // each like the other
  EXPECT_EQ(odd, (std::vector<std::int64_t>{1, 2}));
  for (int t = 0; t < 3; ++t) tracker.update({});
  const auto back = tracker.update({with_look(person(55, 0), {1, 0}), with_look(person(145, 0), {0, 1})});
  EXPECT_EQ(back, (std::vector<std::int64_t>{1, 2}));
}

// Three people walk in single file, each where the next one was two frames before. When the one in front is missed, everybody
// could take the pose ahead and so make as many pairs as there are poses; the right pairs are worth more.
TEST(Tracker, AMissedPersonDoesNotPushTheIdsOfAFileOfPeople) {
  Tracker tracker(options());
  const auto at = [](int place, int t) { return person(100.f + 16 * static_cast<float>(place) + 4 * static_cast<float>(t), 0); };
  const std::vector<std::int64_t> first = tracker.update({at(0, 0), at(1, 0), at(2, 0)});
  for (int t = 1; t < 6; ++t) EXPECT_EQ(tracker.update({at(0, t), at(1, t), at(2, t)}), first) << t;
  for (int t = 6; t < 9; ++t) {
    // Somebody new walks behind them while the one in front is hidden: three tracks, three poses.
    const auto ids = tracker.update({at(-1, t), at(0, t), at(1, t)});
    EXPECT_EQ(ids[1], first[0]) << t;
    EXPECT_EQ(ids[2], first[1]) << t;
  }
  const auto back = tracker.update({at(0, 9), at(1, 9), at(2, 9)});
  EXPECT_EQ(back, first);
}

TEST(Tracker, SecondPosesOnAPersonGetNoId) {
  Tracker tracker(options());
  EXPECT_EQ(tracker.update({person(0, 0, 0.9f), person(2, 1, 0.5f)}), (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(tracker.update({person(0, 0, 0.9f), person(2, 1, 0.5f)}), (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(tracker.update({person(0, 0, 0.9f), person(2, 1, 0.3f)}), (std::vector<std::int64_t>{1, -1}));
  // Two people who come to stand in front of each other keep their ids all the same.
  EXPECT_EQ(tracker.update({person(0, 0), person(20, 0)}), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(tracker.update({person(0, 0), person(11, 0)}), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(tracker.update({person(0, 0), person(3, 0)}), (std::vector<std::int64_t>{1, 2}));
}

TEST(Tracker, SecondPosesOnAPersonDoNotGoToAMissedNeighbour) {
  Tracker tracker(options());
  for (int t = 0; t < 4; ++t) tracker.update({person(0, 0), person(20, 0)});
  EXPECT_EQ(tracker.update({person(0, 0), person(5, 0, 0.3f)}), (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(tracker.update({person(0, 0), person(14, 0, 0.3f)}), (std::vector<std::int64_t>{1, 2}));
}

// A weak second pose lies nearer to where the person must be than the confident one.
TEST(Tracker, ConfidentPosesChooseFirst) {
  Tracker tracker(options());
  for (int t = 0; t < 4; ++t) tracker.update({person(0, 0)});
  EXPECT_EQ(tracker.update({person(0, 0, 0.3f), person(6, 0, 0.9f)}), (std::vector<std::int64_t>{-1, 1}));
}

TEST(Tracker, WeakPosesNeedToLieWhereTheTrackLeads) {
  for (const float score : {0.9f, 0.3f}) {
    Tracker tracker(options());
    for (int t = 0; t < 4; ++t) tracker.update({person(0, 0)});
    EXPECT_EQ(tracker.update({person(18, 0, score)})[0], score > 0.4f ? 1 : -1);
  }
}

// Of two poses in the same place the one of the person's size is the person.
TEST(Tracker, SizeTellsPeopleApart) {
  Tracker tracker(options());
  for (int t = 0; t < 4; ++t) tracker.update({person(0, 0)});
  Pose child = person(0, 0);
  for (PoseKeypoint& p : child.keypoints) p.y = 30 + 0.8f * (p.y - 30);  // about the same centre
  const Pose grown = person(7, 0);
  EXPECT_EQ(tracker.update({child, grown})[1], 1);
}

// One pose that is half somebody else's does not send the track off.
TEST(Tracker, OneJumpTurnsTheVelocityLittle) {
  Tracker tracker(options());
  for (int t = 0; t < 8; ++t) tracker.update({person(0, 0)});
  EXPECT_EQ(tracker.update({person(10, 0)})[0], 1);
  for (int t = 0; t < 3; ++t) tracker.update({});
  EXPECT_EQ(tracker.update({person(2, 0)})[0], 1);
}

// Clothes of one colour each, as describe_clothes gives them.
Clothes clothes_of(std::array<std::uint8_t, 3> colour) {
  video::Image image{100, 100, {}};
  for (int i = 0; i < 100 * 100; ++i) image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  return describe_clothes(image, person(30, 20), {{0, 1}, {2, 3}, {-1, -1}, {-1, -1}});
}
const Clothes kRedClothes = clothes_of({170, 40, 45}), kBlueClothes = clothes_of({40, 60, 150});

// The meeting above: who turns back is told by the clothes alone.
std::vector<std::vector<std::int64_t>> ids_of_a_meeting_in(const Clothes& left_clothes, const Clothes& right_clothes,
                                                           double colour = TrackerOptions{}.colour) {
  TrackerOptions chosen = options();
  chosen.colour = colour;
  Tracker tracker(chosen);
  std::vector<std::vector<std::int64_t>> ids;
  for (int t = 0; t <= 40; ++t) {
    const float away = std::abs(6.f * static_cast<float>(20 - t));
    // While they overlap both show the clothes of the one in front, which must not be learnt.
    ids.push_back(tracker.update({person(200 - away, 20), person(200 + away, 22)},
                                 {left_clothes, away < 10 && !right_clothes.empty() ? left_clothes : right_clothes}));
  }
  return ids;
}

TEST(Tracker, ClothesKeepTheIdsOfPeopleWhoMeetAndTurnBack) {
  const auto by_colour = ids_of_a_meeting_in(kRedClothes, kBlueClothes), by_motion = ids_of_a_meeting(false);
  EXPECT_EQ(by_colour.front(), by_colour.back());
  EXPECT_NE(by_motion.front(), by_motion.back());
  EXPECT_EQ(ids_of_a_meeting_in(kRedClothes, kBlueClothes, 0), by_motion);
  EXPECT_EQ(ids_of_a_meeting_in(kRedClothes, kRedClothes).back(), by_motion.back());  // nothing to tell them apart by
  EXPECT_EQ(ids_of_a_meeting_in({}, {}), by_motion);                                  // unknown clothes change nothing
  EXPECT_EQ(ids_of_a_meeting_in(kRedClothes, {}).size(), 41u);
}

TEST(Tracker, FindsWhoWasHiddenByClothesAndOnlyNearby) {
  const auto id_after_gap = [](float x, const Clothes& clothes) {
    TrackerOptions chosen = options();
    chosen.max_missed = 30;
    Tracker tracker(chosen);
    for (int t = 0; t < 5; ++t) tracker.update({person(100, 0)}, {kRedClothes});
    for (int t = 0; t < 30; ++t) tracker.update({});
    return tracker.update({person(x, 0)}, {clothes})[0];
  };
  EXPECT_EQ(id_after_gap(220, kRedClothes), 1);
  EXPECT_EQ(id_after_gap(220, kBlueClothes), 2);
  EXPECT_EQ(id_after_gap(220, {}), 2);
  EXPECT_EQ(id_after_gap(900, kRedClothes), 2);
}

TEST(Tracker, OneFrameOfOtherClothesDoesNotEndATrack) {
  Tracker tracker(options());
  for (int t = 0; t < 5; ++t) tracker.update({person(0, 0)}, {kRedClothes});
  EXPECT_EQ(tracker.update({person(0, 0)}, {kBlueClothes})[0], 1);
  EXPECT_EQ(tracker.update({person(0, 0)}, {{}})[0], 1);
  EXPECT_EQ(tracker.update({person(0, 0)}, {kRedClothes})[0], 1);
}

TEST(Tracker, RefusesWhatItCannotCompare) {
  Tracker tracker(options());
  tracker.update({with_look(person(0, 0), {1, 0})});
  EXPECT_THROW(tracker.update({with_look(person(0, 0), {1, 0, 0})}), Error);
  const auto refused = [](auto change) {
    TrackerOptions wrong = options();
    change(wrong);
    EXPECT_THROW(Tracker{wrong}, Error);
  };
  refused([](TrackerOptions& o) { o.alpha = 1.5; });
  EXPECT_THROW(tracker.update({person(0, 0)}, {kRedClothes, kBlueClothes}), Error);
  refused([](TrackerOptions& o) { o.colour = -0.1; });
  refused([](TrackerOptions& o) { o.even_likeness = 1.5; });
  refused([](TrackerOptions& o) { o.start_threshold = -0.1; });
  refused([](TrackerOptions& o) { o.keep_threshold = 2; });
  refused([](TrackerOptions& o) { o.min_similarity = std::nan(""); });
  refused([](TrackerOptions& o) { o.weak_similarity = 1.1; });
  refused([](TrackerOptions& o) { o.duplicate_oks = -1; });
  refused([](TrackerOptions& o) { o.max_missed = -1; });
}

// Saved poses of the meeting above, with ids that relinking has to forget.
formats::Sequence meeting(bool embeddings) {
  formats::Sequence sequence;
  sequence.joint_names = formats::coco17().names;
  for (int t = 0; t <= 40; ++t) {
    formats::Frame frame;
    frame.index = t;
    for (const int side : {-1, 1}) {
      formats::Person person;
      const double x = 200 + side * std::abs(6.0 * (20 - t));
      for (int k = 0; k < 17; ++k) person.keypoints.push_back({x + 5 * (k % 5), 20.0 + side + 4 * k, 0.9, 1, true});
      person.keypoints[3] = {};  // not in the file
      person.score = 0.9;
      person.track_id = 70 + t;
      if (embeddings) person.embedding = side < 0 ? std::vector<float>{2, 0.2f} : std::vector<float>{0.2f, 2};
      frame.persons.push_back(std::move(person));
    }
    sequence.frames.push_back(std::move(frame));
  }
  return sequence;
}

TEST(Relink, GivesNewIdsByLookOrByMotionAlone) {
  for (const bool embeddings : {true, false}) {
    formats::Sequence sequence = meeting(embeddings);
    TrackerOptions options;
    options.alpha = 0.5;
    const RelinkReport report = relink(sequence, options);
    EXPECT_EQ(report.frames, 41);
    EXPECT_EQ(report.people, 82);
    EXPECT_EQ(report.tracks, 2);
    EXPECT_EQ(report.without_id, 0);
    EXPECT_EQ(report.embeddings, embeddings ? 82 : 0);
    EXPECT_EQ(sequence.frames.front().persons[0].track_id, 1);
    EXPECT_EQ(sequence.frames.back().persons[0].track_id, embeddings ? 1 : 2);
  }
}

TEST(Relink, LeavesOutWhoHasNoTrack) {
  formats::Sequence sequence = meeting(true);
  for (formats::Frame& frame : sequence.frames) frame.persons[1].score = 0.01;
  const RelinkReport report = relink(sequence, {});
  EXPECT_EQ(report.tracks, 1);
  EXPECT_EQ(report.without_id, 41);
  for (const formats::Frame& frame : sequence.frames) EXPECT_EQ(frame.persons.size(), 1u);
}

TEST(Relink, NamesFrameAndPersonOfAnEmbeddingOfAnotherLength) {
  formats::Sequence sequence = meeting(true);
  sequence.frames[7].persons[1].embedding = {1, 0, 0};
  try {
    relink(sequence, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_NE(std::string(error.what()).find("frame 7: person 2: the embedding has 3 numbers, those before have 2"),
              std::string::npos)
        << error.what();
  }
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
