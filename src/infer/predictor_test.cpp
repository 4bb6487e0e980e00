#include "infer/predictor.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "formats/convert.h"
#include "formats/jsonl.h"
#include "infer/similarity.h"
#include "infer/test_support.h"

namespace vepe::infer {
namespace {

using namespace testing_support;

Engine predicting_engine(const std::filesystem::path& model) {
  EngineOptions options;
  options.model = model;
  options.size = 256;
  options.threshold = 0.2;
  return Engine(options);
}

video::Source video_source(const std::string& name) { return {video::SourceKind::kVideo, name, {}, "clip"}; }

TEST(PredictSource, WritesEveryFrameOnceInItsOrderWithItsTimeUnderADelay) {
  at::set_num_threads(1);
  Engine engine = predicting_engine(temporal_model("centred"));
  PredictOptions options;
  options.output = folder("order");
  options.formats = {formats::Format::kJsonLines, formats::Format::kCsv, formats::Format::kMot, formats::Format::kPoseTrack18};
  options.threshold = 0.3;
  options.save_embeddings = options.save_similarity = true;
  const std::string gaps = VEPE_SOURCE_DIR "/tests/data/video/torture/vfr_gaps.mp4";
  std::int64_t called = 0;
  const PredictResult result =
      predict_source(engine, video_source(gaps), options, [&](std::int64_t done, auto) { EXPECT_EQ(done, ++called); });

  std::vector<video::Frame> frames;
  video::VideoReader reader(gaps);
  for (video::Frame frame; reader.read(frame); frame = {}) frames.push_back(frame);
  ASSERT_GT(frames.size(), 5u);
  EXPECT_EQ(result.frames, static_cast<std::int64_t>(frames.size()));
  EXPECT_EQ(called, result.frames);
  const formats::Sequence written = formats::read_jsonl(options.output / "clip.jsonl");
  ASSERT_EQ(written.frames.size(), frames.size());
  std::size_t people = 0;
  for (std::size_t t = 0; t < frames.size(); ++t) {
    EXPECT_EQ(written.frames[t].index, frames[t].index);
    EXPECT_NEAR(written.frames[t].pts_seconds.value_or(-1), frames[t].pts_s, 1e-6);
    for (const formats::Person& person : written.frames[t].persons) {
      EXPECT_TRUE(person.track_id) << t;
      ASSERT_EQ(person.embedding.size(), 96u);
      double length = 0;
      for (const float value : person.embedding) length += value * value;
      EXPECT_NEAR(length, 1, 1e-3);
      ++people;
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(people), result.people);
  EXPECT_GT(people, frames.size());
  for (const auto& [file, format] : {std::pair("clip.csv", formats::Format::kCsv), std::pair("clip.mot.txt", formats::Format::kMot),
                                     std::pair("clip.posetrack.json", formats::Format::kPoseTrack18)}) {
    std::size_t with_id = 0;
    for (const auto& frame : formats::read_poses(options.output / file, format).poses.frames) {
      for (const auto& person : frame.persons) with_id += person.track_id.has_value();
    }
    EXPECT_EQ(with_id, people) << file;
  }
  // The two frames of the similarity picture, scaled to 616 pixels a piece, and a matrix below.
  const video::Image chart = video::read_image(options.output / "clip.similarity.png");
  EXPECT_GE(chart.width, 2 * 616);
  EXPECT_GE(chart.height, 616 * 3 / 4 + 2 * 80);
  EXPECT_EQ(std::count(result.files.begin(), result.files.end(), options.output / "clip.similarity.png"), 1);
}

TEST(PredictSource, TakesARangeAndAVideoOfOneFrame) {
  at::set_num_threads(1);
  Engine engine = predicting_engine(temporal_model("centred"));
  PredictOptions options;
  options.save_video = false;
  options.formats = {formats::Format::kJsonLines};
  options.output = folder("range");
  options.range = video::parse_frame_range("4:10:2");
  predict_source(engine, video_source(kVideo), options);
  const formats::Sequence range = formats::read_jsonl(options.output / "clip.jsonl");
  ASSERT_EQ(range.frames.size(), 3u);
  for (std::size_t t = 0; t < 3; ++t) EXPECT_EQ(range.frames[t].index, 4 + 2 * static_cast<std::int64_t>(t));
  options.output = folder("one");
  options.range = {};
  options.threshold = 0.3;  // the clip's people are small
  predict_source(engine, video_source(VEPE_SOURCE_DIR "/tests/data/video/torture/single_frame.mp4"), options);
  const formats::Sequence one = formats::read_jsonl(options.output / "clip.jsonl");
  ASSERT_EQ(one.frames.size(), 1u);
  EXPECT_GE(one.frames[0].persons.size(), 1u);
}

TEST(PredictSource, RefusesEmbeddingsAndSimilaritiesThatAModelCannotGive) {
  Engine engine = predicting_engine(spatial_model("spatial"));
  for (const bool similarity : {true, false}) {
    PredictOptions options;
    options.output = folder("refused");
    (similarity ? options.save_similarity : options.save_embeddings) = true;
    try {
      predict_source(engine, video_source(kVideo), options);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find("no instance queries"), std::string::npos) << error.what();
    }
  }
}

Pose looking(std::vector<float> embedding, float x) { return {{{x, 10, 1}, {x + 10, 40, 1}}, 0.9f, std::move(embedding)}; }

video::Frame grey_frame(std::int64_t index) {
  video::Frame frame;
  frame.index = index;
  frame.image = {80, 60, std::vector<std::uint8_t>(80 * 60 * 3, 100)};
  return frame;
}

TEST(SimilarityPicture, TakesTheFirstFrameWithTwoPeopleAndOneSomeFramesLater) {
  const std::vector<Pose> two = {looking({1, 0}, 5), looking({0, 1}, 50)}, one = {looking({0.6f, 0.8f}, 20)};
  Similarity similarity({}, "clip");
  for (std::int64_t t = 0; t < 9; ++t) {
    similarity.offer(grey_frame(t),
                     t == 2   ? two
                     : t == 7 ? std::vector<Pose>{}
                              : one,
                     t == 2   ? std::vector<std::int64_t>{4, 3}
                     : t == 7 ? std::vector<std::int64_t>{}
                              : std::vector<std::int64_t>{3});
    EXPECT_EQ(similarity.picture({}).has_value(), t == 8) << t;  // nobody is there five frames later, but one more on
  }
  EXPECT_TRUE(similarity.picture({}).has_value());
  const auto matrix = cosines(two, one);
  ASSERT_EQ(matrix.size(), 2u);
  EXPECT_NEAR(matrix[0][0], 0.6, 1e-6);
  EXPECT_NEAR(matrix[1][0], 0.8, 1e-6);
}

TEST(SimilarityPicture, SaysWhichOfTheWantedFramesIsMissingOrEmpty) {
  const std::vector<Pose> one = {looking({1, 0}, 20)};
  const auto error_of = [&](std::int64_t a, std::int64_t b) -> std::string {
    try {
      Similarity similarity(std::pair(a, b), "clip.mp4");
      for (std::int64_t t = 0; t < 4; ++t)
        similarity.offer(grey_frame(t), t == 2 ? std::vector<Pose>{} : one,
                         t == 2 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{1});
      return similarity.picture({}).has_value() ? "drawn" : "not drawn";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(error_of(0, 3), "drawn");
  EXPECT_NE(error_of(0, 9).find("clip.mp4: frame 9: is not among the frames"), std::string::npos);
  EXPECT_NE(error_of(0, 2).find("frame 2: shows nobody"), std::string::npos);
  EXPECT_NE(error_of(3, 1).find("must be a later one"), std::string::npos);
}

// The program with a temporal model, as a user runs it.
struct Outcome {
  int status = -1;
  std::string out, err;
};

Outcome program(const std::string& arguments) {
  const auto work = folder("streams");
  const std::string command =
      std::string(VEPE_BINARY) + " " + arguments + " >" + (work / "out").string() + " 2>" + (work / "err").string();
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(work / "out"), read_file(work / "err")};
}

TEST(Program, PredictsAndLinksAnewWithATemporalModel) {
  const std::string model = temporal_model("centred").string(), out = folder("program").string();
  const Outcome predict = program(
      "predict " + std::string(kVideo) + " -m " + model + " -o " + out +
      " --frames 0:8 --save jsonl,similarity --save-embeddings --similarity-frames 1:6 --temporal on --threads 1 --progress none");
  ASSERT_EQ(predict.status, 0) << predict.err;
  EXPECT_TRUE(std::filesystem::exists(out + "/base_384x288_30f.similarity.png"));
  const formats::Sequence saved = formats::read_jsonl(out + "/base_384x288_30f.jsonl");
  ASSERT_EQ(saved.frames.size(), 8u);
  EXPECT_EQ(saved.frames[0].persons.at(0).embedding.size(), 96u);
  const Outcome track =
      program("track " + out + "/base_384x288_30f.jsonl -o " + out + "/linked --save jsonl,mot,csv,posetrack --alpha 0.5");
  ASSERT_EQ(track.status, 0) << track.err;
  EXPECT_EQ(track.err.find("no embeddings"), std::string::npos) << track.err;
  const formats::Sequence linked = formats::read_jsonl(out + "/linked/base_384x288_30f.jsonl");
  ASSERT_EQ(linked.frames.size(), 8u);
  for (std::size_t t = 0; t < 8; ++t) {
    ASSERT_EQ(linked.frames[t].persons.size(), saved.frames[t].persons.size());
    for (std::size_t p = 0; p < linked.frames[t].persons.size(); ++p) {
      EXPECT_TRUE(linked.frames[t].persons[p].track_id);
      EXPECT_EQ(linked.frames[t].persons[p].keypoints[0].x, saved.frames[t].persons[p].keypoints[0].x);
    }
  }
  const Outcome off = program("predict " + std::string(kVideo) + " -m " + model + " -o " + out +
                              " --save similarity --temporal off --threads 1 --progress none");
  EXPECT_EQ(off.status, 2) << off.err;
  EXPECT_NE(off.err.find("instance queries"), std::string::npos) << off.err;
  const Outcome info = program("info " + model);
  ASSERT_EQ(info.status, 0) << info.err;
  for (const char* part : {"temporal phase: 3 frames, centered window, STPE, instance queries, STDME, STPD", "1 frame(s) late",
                           "instance_stream", "stdme"}) {
    EXPECT_NE(info.out.find(part), std::string::npos) << part << "\n" << info.out;
  }
}

}  // namespace
}  // namespace vepe::infer
