#include "infer/stream.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "infer/test_support.h"

namespace vepe::infer {
namespace {

using namespace testing_support;

model::TemporalConfig causal() {
  model::TemporalConfig config;
  config.window = "causal";
  return config;
}

Engine engine_of(const std::filesystem::path& model, TemporalUse temporal = TemporalUse::kAuto) {
  EngineOptions options;
  options.model = model;
  options.precision = Precision::kFp32;
  options.temporal = temporal;
  options.size = 256;
  options.threshold = 0.2;
  return Engine(options);
}

std::vector<Estimate> run(Stream& stream, const std::vector<video::Frame>& frames) {
  std::vector<Estimate> all;
  for (const video::Frame& frame : frames) {
    for (Estimate& estimate : stream.push(frame)) all.push_back(std::move(estimate));
  }
  for (Estimate& estimate : stream.flush()) all.push_back(std::move(estimate));
  return all;
}

// Every window by itself: the spatial phase of each of its frames anew, one by one.
std::vector<std::vector<Pose>> recomputed(Engine& engine, const std::vector<video::Frame>& frames) {
  std::vector<std::vector<Pose>> all;
  const auto count = static_cast<std::int64_t>(frames.size());
  for (std::int64_t t = 0; t < count; ++t) {
    std::vector<SpatialFrame> window;
    for (std::int64_t i = 0; i < engine.window_length(); ++i) {
      const std::int64_t f = std::clamp<std::int64_t>(t - engine.key_position() + i, 0, count - 1);
      const video::Image* images[] = {&frames[static_cast<std::size_t>(f)].image};
      window.push_back(engine.spatial(images).front());
    }
    all.push_back(engine.temporal(window));
  }
  return all;
}

// Largest difference of coordinates (as shares of the frame), scores and embeddings; infinite for other people.
double difference(const std::vector<Pose>& a, const std::vector<Pose>& b, const video::Image& image) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::abs(a[i].score - b[i].score));
    for (std::size_t k = 0; k < a[i].keypoints.size(); ++k) {
      const PoseKeypoint &p = a[i].keypoints[k], &q = b[i].keypoints[k];
      largest = std::max<double>(
          {largest, std::abs(p.x - q.x) / image.width, std::abs(p.y - q.y) / image.height, std::abs(p.score - q.score)});
    }
    if (a[i].embedding.size() != b[i].embedding.size()) return INFINITY;
    for (std::size_t c = 0; c < a[i].embedding.size(); ++c)
      largest = std::max<double>(largest, std::abs(a[i].embedding[c] - b[i].embedding[c]));
  }
  return largest;
}

struct StreamTest : testing::Test {
  void SetUp() override { at::set_num_threads(1); }
};

TEST_F(StreamTest, GivesToTheLastBitWhatEachWindowGivesByItself) {
  const auto frames = frames_of(kVideo, 6);
  for (const bool centred : {true, false}) {
    SCOPED_TRACE(centred ? "centred" : "causal");
    Engine engine = engine_of(temporal_model(centred ? "centred" : "causal", centred ? model::TemporalConfig{} : causal()));
    Stream stream(engine);
    EXPECT_EQ(stream.delay(), centred ? 1 : 0);
    const auto estimates = run(stream, frames);
    const auto want = recomputed(engine, frames);
    ASSERT_EQ(estimates.size(), frames.size());
    std::size_t people = 0;
    double moved = 0;
    for (std::size_t t = 0; t < frames.size(); ++t) {
      EXPECT_EQ(estimates[t].frame.index, frames[t].index);
      EXPECT_EQ(estimates[t].frame.pts_s, frames[t].pts_s);
      EXPECT_EQ(estimates[t].frame.image.pixels, frames[t].image.pixels);
      EXPECT_EQ(difference(estimates[t].poses, want[t], frames[t].image), 0) << t;
      people += estimates[t].poses.size();
      moved = std::max(moved, difference(estimates[t].poses, engine.predict(frames[t].image), frames[t].image));
    }
    EXPECT_GT(people, frames.size() * 3);
    EXPECT_GT(moved, 1e-3);  // the temporal phase does something
  }
}

TEST_F(StreamTest, HandsOutAFrameAsSoonAsItsWindowIsThere) {
  const auto frames = frames_of(kVideo, 3);
  Engine centred = engine_of(temporal_model("centred")), causal_engine = engine_of(temporal_model("causal", causal()));
  Stream late(centred), prompt(causal_engine);
  EXPECT_EQ(late.push(frames[0]).size(), 0u);
  EXPECT_EQ(late.push(frames[1]).at(0).frame.index, 0);
  EXPECT_EQ(late.push(frames[2]).at(0).frame.index, 1);
  EXPECT_EQ(late.flush().at(0).frame.index, 2);
  EXPECT_EQ(late.flush().size(), 0u);
  for (const auto& frame : frames) EXPECT_EQ(prompt.push(frame).at(0).frame.index, frame.index);
  EXPECT_EQ(prompt.flush().size(), 0u);
}

TEST_F(StreamTest, TakesVideosOfOneFrameAndFramesWithoutPeopleAndStartsAnewAfterFlush) {
  auto frames = frames_of(kVideo, 2);
  Engine engine = engine_of(temporal_model("centred"));
  Stream stream(engine);
  const auto alone = run(stream, {frames[0]});
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(difference(alone[0].poses, recomputed(engine, {frames[0]})[0], frames[0].image), 0);
  video::Frame black = frames[1];
  std::fill(black.image.pixels.begin(), black.image.pixels.end(), 0);
  const std::vector<video::Frame> mixed = {black, frames[0], black, black};
  const auto estimates = run(stream, mixed);
  const auto want = recomputed(engine, mixed);
  ASSERT_EQ(estimates.size(), 4u);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(difference(estimates[t].poses, want[t], mixed[t].image), 0) << t;
  EXPECT_GT(estimates[1].poses.size(), 2u);
  EXPECT_EQ(estimates[3].poses.size(), 0u);
}

TEST_F(StreamTest, TakesAChangeOfSizeOnTheWay) {
  auto frames = frames_of(kVideo, 4);
  for (std::size_t t = 2; t < 4; ++t) frames[t].image = video::resize_bilinear(frames[t].image, 300, 288);
  Engine engine = engine_of(temporal_model("centred"));
  Stream stream(engine);
  const auto estimates = run(stream, frames);
  const auto want = recomputed(engine, frames);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(difference(estimates[t].poses, want[t], frames[t].image), 0) << t;
  EXPECT_GT(estimates[1].poses.size(), 2u);
  EXPECT_GT(estimates[2].poses.size(), 1u);
}

TEST_F(StreamTest, SeveralStreamsInOneBatchAndMoreThreadsDifferByRoundingAlone) {
  const auto frames = frames_of(kVideo, 5);
  auto wide = frames_of(VEPE_SOURCE_DIR "/tests/data/video/torture/wide_640x96.mp4", 5);  // of another size, in the same call
  std::vector<video::Frame> backwards(frames.rbegin(), frames.rend());
  Engine engine = engine_of(temporal_model("centred"));
  Stream alone(engine);
  const std::vector<std::vector<Estimate>> want = {run(alone, frames), run(alone, backwards), run(alone, wide)};
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    Stream a(engine), b(engine), c(engine);
    Stream* streams[] = {&a, &b, &c};
    std::vector<std::vector<Estimate>> got(3);
    for (std::size_t t = 0; t < frames.size(); ++t) {
      auto ready = Stream::push(streams, {frames[t], backwards[t], wide[t]});
      for (std::size_t s = 0; s < 3; ++s) std::move(ready[s].begin(), ready[s].end(), std::back_inserter(got[s]));
    }
    for (std::size_t s = 0; s < 3; ++s) {
      for (Estimate& estimate : streams[s]->flush()) got[s].push_back(std::move(estimate));
      ASSERT_EQ(got[s].size(), frames.size());
      for (std::size_t t = 0; t < frames.size(); ++t) {
        EXPECT_EQ(got[s][t].frame.index, want[s][t].frame.index);
        EXPECT_LE(difference(got[s][t].poses, want[s][t].poses, got[s][t].frame.image), 1e-5)
            << threads << " threads, stream " << s << ", frame " << t;
      }
    }
  }
  at::set_num_threads(1);
}

TEST_F(StreamTest, PassesTheSpatialAnswersThroughWithoutTemporalPhase) {
  const auto frames = frames_of(kVideo, 2);
  Engine spatial = engine_of(spatial_model("spatial")), off = engine_of(temporal_model("centred"), TemporalUse::kOff);
  Engine on = engine_of(temporal_model("centred"));
  EXPECT_FALSE(spatial.has_temporal() || off.has_temporal() || off.has_embeddings());
  EXPECT_TRUE(on.has_temporal() && on.has_embeddings());
  Stream through(spatial), switched(off), unused(on, false);
  for (const auto& frame : frames) {
    const auto want = spatial.predict(frame.image);
    EXPECT_GT(want.size(), 2u);
    EXPECT_EQ(difference(through.push(frame).at(0).poses, want, frame.image), 0);
    EXPECT_EQ(difference(switched.push(frame).at(0).poses, want, frame.image), 0);
    auto poses = unused.push(frame).at(0).poses;
    for (Pose& pose : poses) {
      EXPECT_EQ(pose.embedding.size(), 96u);
      pose.embedding.clear();
    }
    EXPECT_EQ(difference(poses, want, frame.image), 0);
  }
}

TEST_F(StreamTest, RefusesATemporalPhaseThatIsNotThere) {
  const auto model = spatial_model("spatial");
  try {
    engine_of(model, TemporalUse::kOn);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string(error.what()).find("no temporal phase"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("--temporal auto"), std::string::npos) << error.what();
  }
}

// Who is below the threshold of pose query selection is answered as the spatial phase saw it.
TEST_F(StreamTest, LeavesPeopleThatPoseQuerySelectionDropsAsTheyAre) {
  model::TemporalConfig config;
  config.pqs_threshold = 0.35;
  Engine engine = engine_of(temporal_model("choosy", config));
  const auto frames = frames_of(kVideo, 1);
  Stream stream(engine);
  const auto poses = run(stream, frames).at(0).poses;
  const auto spatial = engine.predict(frames[0].image);
  const auto among = [&](const Pose& pose) {
    return std::any_of(poses.begin(), poses.end(),
                       [&](const Pose& other) { return difference({pose}, {other}, frames[0].image) == 0; });
  };
  int below = 0, above = 0;
  for (const Pose& pose : spatial) {
    EXPECT_EQ(among(pose), pose.score < 0.35f) << pose.score;
    ++(pose.score < 0.35f ? below : above);
  }
  EXPECT_GT(below, 0);
  EXPECT_GT(above, 0);
}

}  // namespace
}  // namespace vepe::infer
