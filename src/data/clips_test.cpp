#include "data/clips.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "data/loader.h"
#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

TEST(ClipOffsets, FollowWindowAndStride) {
  EXPECT_EQ(clip_offsets({.frames = 3}), (std::vector<int>{-1, 0, 1}));
  EXPECT_EQ(clip_offsets({.frames = 5, .stride = 2}), (std::vector<int>{-4, -2, 0, 2, 4}));
  EXPECT_EQ(clip_offsets({.frames = 3, .window = "causal"}), (std::vector<int>{-2, -1, 0}));
}

TEST(Clips, StrideIsDrawnUpToTheLargest) {
  Random random(4);
  EXPECT_EQ(draw_stride({.stride = 2}, random), 2);
  std::set<int> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(draw_stride({.stride = 2, .max_stride = 4}, random));
  EXPECT_EQ(drawn, (std::set<int>{2, 3, 4}));
}

TEST(CameraPath, StandsStillAtTheKeyFrameAndStaysWithinItsSpeeds) {
  const ClipConfig config{.frames = 5, .motion = 0.03, .motion_rotation = 2, .motion_zoom = 0.05};
  bool moved = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const std::vector<Camera> path = draw_camera_path(config, random);
    ASSERT_EQ(path.size(), 5u);
    EXPECT_EQ(path[2].x, 0);
    EXPECT_EQ(path[2].rotation, 0);
    EXPECT_EQ(path[2].zoom, 1);
    for (std::size_t i = 1; i < 5; ++i) {
      EXPECT_LE(std::abs(path[i].x - path[i - 1].x), 0.03 * 1.75);
      EXPECT_LE(std::abs(path[i].rotation - path[i - 1].rotation), 1.75 * 2 * M_PI / 180);
      moved = moved || std::abs(path[i].x - path[i - 1].x) > 0.01;
    }
  }
  EXPECT_TRUE(moved);
}

TEST(CameraPath, LabelsFollowThePictureInEveryFrame) {
  AugmentConfig config;
  config.photometric = config.permute = 0;
  config.border = {0, 0, 0};
  config.flip_order = {0, 1};
  Sample still;
  still.image = black(200, 150);
  add_dot(still.image, 100, 75);
  still.people.push_back(person_at({{100, 75, 2}, {120, 75, 2}}, {80, 60, 140, 90}));
  const ClipConfig clip{.frames = 5, .motion = 0.03, .motion_rotation = 4, .motion_zoom = 0.05};
  int checked = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const AugmentParams params = draw_augment(config, random, 256);
    const std::vector<Sample> frames = apply_augment(std::vector<Sample>(5, still), params, draw_camera_path(clip, random));
    for (const Sample& frame : frames) {
      if (frame.people.empty()) continue;
      const Keypoint& dot = frame.people[0].keypoints[0];
      if (dot.x < 15 || dot.y < 15 || dot.x > frame.image.width - 15 || dot.y > frame.image.height - 15) continue;
      const auto found = dot_near(frame.image, dot.x, dot.y);
      EXPECT_NEAR(found[0], dot.x, 0.25) << "seed " << seed;
      EXPECT_NEAR(found[1], dot.y, 0.25) << "seed " << seed;
      ++checked;
    }
  }
  EXPECT_GT(checked, 60);
}

// A video of five frames, one person in each; frame 3 is not labelled. The dot moves by 4 pixels a frame.
std::string write_video(const TempFolder& folder, const std::string& name, std::int64_t first_id) {
  std::filesystem::create_directories(folder / ("frames/" + name));
  std::filesystem::create_directories(folder / "labels");
  std::string images, annotations;
  for (int i = 0; i < 5; ++i) {
    const std::string file = fmt::format("{}/{:06d}.png", name, i);
    video::Image image = black(80, 60);
    add_dot(image, 20.5 + 4 * i, 30.5);
    video::write_image(folder / ("frames/" + file), image);
    images += fmt::format(
        R"({}{{"id": {}, "frame_id": {}, "file_name": "{}", "width": 80, "height": 60, "is_labeled": {}, "vid_id": "1", "nframes": 5}})",
        i ? "," : "", first_id + i, first_id + i, file, i == 3 ? "false" : "true");
    if (i == 3) continue;
    annotations += fmt::format(
        R"({}{{"id": {}, "image_id": {}, "category_id": 1, "track_id": 4, "bbox": [{}, 20, 20, 20], "keypoints": [{}, 30, 1, 25, 35, 1, 0,0,0, 0,0,0]}})",
        i ? "," : "", first_id + i, first_id + i, 10 + 4 * i, 20 + 4 * i);
  }
  return folder.write("labels/" + name + ".json",
                      fmt::format(R"({{"images": [{}], "annotations": [{}], {}}})", images, annotations, kCategory));
}

class VideoSet : public ::testing::Test {
 protected:
  VideoSet() {
    write_video(folder_, "a", 100);
    write_video(folder_, "b", 200);
    config_.kind = "posetrack";
    config_.annotations = folder_ / "labels", config_.images = folder_ / "frames";
  }
  TempFolder folder_;
  DatasetConfig config_;
};

TEST_F(VideoSet, KeyFramesAreTheLabelledOnesAndNeighboursAreClamped) {
  const Dataset set(config_);
  ASSERT_EQ(set.size(), 8u);
  EXPECT_TRUE(set.is_video(0));
  const auto ids = [&](std::size_t index, const std::vector<int>& offsets) {
    std::vector<std::int64_t> result;
    for (const Sample& frame : set.load_clip(index, offsets)) result.push_back(frame.image_id);
    return result;
  };
  EXPECT_EQ(ids(0, {-1, 0, 1}), (std::vector<std::int64_t>{100, 100, 101}));
  EXPECT_EQ(ids(2, {-1, 0, 1}), (std::vector<std::int64_t>{101, 102, 103}));  // 103 is not labelled, but a frame
  EXPECT_EQ(ids(3, {-2, 0, 2}), (std::vector<std::int64_t>{102, 104, 104}));
  EXPECT_EQ(ids(4, {-3, 0, 1}), (std::vector<std::int64_t>{200, 200, 201}));  // not into the other video
  const std::vector<Sample> clip = set.load_clip(2, {0, 1});
  EXPECT_EQ(clip[0].people.at(0).track_id, 4);
  EXPECT_FLOAT_EQ(clip[0].people[0].area, 0.52f * 400);
  EXPECT_FALSE(clip[0].unlabelled_bystanders);
  EXPECT_TRUE(clip[1].unlabelled_bystanders);
}

TEST_F(VideoSet, ListsSelectVideosWithoutCuttingThem) {
  config_.exclude_ids = folder_.write("out.txt", "b\n101\n");
  const Dataset set(config_);
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set.load_clip(1, {-1})[0].image_id, 101);
}

TEST_F(VideoSet, BatchesHoldWholeClipsAtAnyNumberOfWorkers) {
  AugmentConfig augment;
  augment.long_sides = {64, 96};
  augment.rotation = 0, augment.photometric = augment.permute = augment.flip = 0;
  LoaderConfig options;
  options.batch = 2, options.clip.frames = 3;
  options.workers = 0;
  Loader reference(open_datasets({config_}), augment, options);
  options.workers = 3;
  Loader loader(open_datasets({config_}), augment, options);
  for (int step = 0; step < 6; ++step) {
    const Batch batch = *loader.next(), same = *reference.next();
    EXPECT_TRUE(batch.images.equal(same.images));
    EXPECT_EQ(batch.frames, 3);
    EXPECT_EQ(batch.key, 1);
    ASSERT_EQ(batch.samples.size(), 6u);
    for (std::size_t clip = 0; clip < 6; clip += 3) {
      const Sample &before = batch.samples[clip], &key = batch.samples[clip + 1];
      EXPECT_EQ(before.image.width, key.image.width);
      if (before.people.empty() || key.people.empty() || before.image_id == key.image_id) continue;
      const Keypoint &a = before.people[0].keypoints[1], &b = key.people[0].keypoints[1];  // the joint that stands still
      if (a.visibility == 0 || b.visibility == 0) continue;
      EXPECT_FLOAT_EQ(a.x, b.x);  // one draw for all frames
      EXPECT_FLOAT_EQ(a.y, b.y);
    }
  }
}

TEST_F(VideoSet, StillPicturesMoveInTrainingAndStandInValidation) {
  DatasetConfig stills;
  stills.annotations = write_set(folder_, 6), stills.images = folder_ / "set_images";
  AugmentConfig augment;
  augment.long_sides = {96};
  LoaderConfig options;
  options.batch = 2, options.clip.frames = 3, options.clip.motion = 0.05;
  Loader training(open_datasets({stills}), augment, options),
      validation(open_datasets({stills}), augment, options, Loader::Mode::kValidate);
  const at::Tensor moving = training.next()->images, standing = validation.next()->images;
  EXPECT_FALSE(moving[0].equal(moving[1]));
  EXPECT_TRUE(standing[0].equal(standing[1]));
  augment.mosaic = 0.5;
  EXPECT_THROW(Loader(open_datasets({stills}), augment, options), Error);
}

TEST_F(VideoSet, TrackIdsMustTellPeopleApartInClipsButNotInSinglePictures) {
  const auto one_frame_with = [&](const std::string& first, const std::string& second) {
    std::string annotations;
    for (const auto& [id, track] : {std::pair{1, first}, std::pair{2, second}}) {
      annotations += fmt::format(
          R"({}{{"id": {}, "image_id": 100, "category_id": 1{}, "bbox": [10, 20, 20, 20], "keypoints": [20, 30, 1, 25, 35, 1, 0,0,0, 0,0,0]}})",
          id > 1 ? "," : "", id, track.empty() ? "" : ", \"track_id\": " + track);
    }
    folder_.write("labels/a.json",
                  fmt::format(R"({{"images": [{{"id": 100, "file_name": "a/000000.png", "width": 80, "height": 60}},
      {{"id": 101, "file_name": "a/000001.png", "width": 80, "height": 60}}], "annotations": [{}], {}}})",
                              annotations, kCategory));
  };
  const auto refusal = [&](int frames) -> std::string {
    LoaderConfig options;
    options.batch = 1, options.workers = 0, options.clip.frames = frames;
    AugmentConfig augment;
    augment.flip = 0;
    try {
      Loader(open_datasets({config_}), augment, options).next();
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), 3);
      return error.what();
    }
    return "";
  };
  std::filesystem::remove(folder_ / "labels/b.json");
  one_frame_with("4", "5");
  EXPECT_EQ(refusal(3), "");
  one_frame_with("4", "4");
  EXPECT_NE(refusal(3).find("a/000000.png: track id 4 stands twice"), std::string::npos);
  EXPECT_EQ(refusal(1), "");
  one_frame_with("4", "");
  EXPECT_EQ(refusal(3), "");  // the one without teaches poses only
  one_frame_with("", "");
  EXPECT_NE(refusal(3).find("none of its people has a track id"), std::string::npos);
  EXPECT_EQ(refusal(1), "");
}

TEST_F(VideoSet, BadInputIsNamed) {
  config_.annotations = folder_ / "frames";
  EXPECT_THROW(Dataset{config_}, Error);
  config_.annotations = folder_ / "labels", config_.joints = "posetrack15";  // from joints that are no known set
  EXPECT_THROW(Dataset{config_}, Error);
}

}  // namespace
}  // namespace vepe::data
