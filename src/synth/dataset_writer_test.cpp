#include "synth/dataset_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "formats/coco.h"
#include "formats/joints.h"
#include "formats/posetrack.h"
#include "video/image.h"

namespace vepe::synth {
namespace {

namespace fs = std::filesystem;

class DatasetWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("vepe_synth_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override {
    clear_interrupt();
    fs::remove_all(folder_);
  }
  DatasetOptions options(const std::string& name) const {
    DatasetOptions options;
    options.scene.width = 160;
    options.scene.height = 120;
    options.scene.frames = 6;
    options.scene.min_people = 2;
    options.scene.max_people = 4;
    options.scene.blur = options.scene.occluders = options.scene.camera_motion = true;
    options.clips = 3;
    options.seed = 1;
    options.folder = folder_ / name;
    options.videos = false;
    return options;
  }
  fs::path folder_;
};

std::vector<std::uint64_t> hashes(const std::vector<ClipReport>& reports) {
  std::vector<std::uint64_t> out;
  for (const auto& report : reports) out.push_back(report.annotation_hash);
  return out;
}

// `vepe synth --seed 1` gives these annotations on every run, machine and number of threads.
TEST_F(DatasetWriterTest, AnnotationsOfSeedOneAreGolden) {
  DatasetOptions one = options("one"), many = options("many");
  many.threads = 3;
  const auto a = write_dataset(one, {}), b = write_dataset(many, {});
  std::string text;
  for (const auto& report : a)
    text += report.name + " " + std::to_string(report.persons) + " " + std::to_string(report.annotation_hash) + "\n";
  EXPECT_EQ(hashes(a), hashes(b));
  EXPECT_EQ(text, read_file(fs::path(VEPE_SOURCE_DIR) / "tests/data/synth/seed1.txt"));
}

TEST_F(DatasetWriterTest, FormatsReadWhatIsWritten) {
  DatasetOptions o = options("read");
  o.images = true;
  o.videos = true;
  const auto reports = write_dataset(o, {});
  std::int64_t persons = 0;
  for (int clip = 0; clip < o.clips; ++clip) {
    const auto& report = reports[static_cast<std::size_t>(clip)];
    const auto sequence =
        formats::read_posetrack(o.folder / "annotations" / (report.name + ".json"), formats::PoseTrackLayout::kPoseTrack18);
    const auto coco = formats::read_coco(o.folder / "annotations_coco" / (report.name + ".json"));
    EXPECT_EQ(sequence.joint_names, formats::posetrack18().names);
    ASSERT_EQ(sequence.frames.size(), 6u);
    ASSERT_EQ(coco.poses.frames.size(), 6u);
    EXPECT_GT(fs::file_size(o.folder / "videos" / (report.name + ".mp4")), 500u);
    const Scene scene = Scene::make(o.scene, o.seed, clip);
    for (int i = 0; i < 6; ++i) {
      const auto& frame = sequence.frames[static_cast<std::size_t>(i)];
      const auto people = scene.people(i);
      ASSERT_EQ(frame.persons.size(), people.size());
      std::set<std::int64_t> ids;
      for (std::size_t p = 0; p < people.size(); ++p) {
        EXPECT_EQ(frame.persons[p].track_id, people[p].track_id);
        EXPECT_TRUE(ids.insert(*frame.persons[p].track_id).second);
        ASSERT_TRUE(frame.persons[p].head_box && frame.persons[p].bbox);
        for (std::size_t k = 0; k < 17; ++k) {
          EXPECT_NEAR(frame.persons[p].keypoints[k].x, people[p].posetrack[k].x, 0.0051);
          EXPECT_EQ(frame.persons[p].keypoints[k].visibility, people[p].posetrack[k].visibility);
          EXPECT_NEAR(coco.poses.frames[static_cast<std::size_t>(i)].persons[p].keypoints[k].y, people[p].coco[k].y, 0.0051);
        }
      }
      const auto picture = video::read_image(o.folder / frame.file_name);
      EXPECT_EQ(picture.width, 160);
    }
    persons += report.persons;
  }
  const auto joined = formats::read_coco(o.folder / "annotations_coco.json");
  std::int64_t in_joined = 0;
  std::set<std::int64_t> image_ids, person_ids;
  for (const auto& frame : joined.poses.frames) {
    image_ids.insert(frame.image_id);
    for (const auto& person : frame.persons) person_ids.insert(person.id.value_or(-1));
    in_joined += static_cast<std::int64_t>(frame.persons.size());
  }
  EXPECT_EQ(image_ids.size(), 18u);
  EXPECT_EQ(in_joined, persons);
  EXPECT_EQ(static_cast<std::int64_t>(person_ids.size()), persons);
}

TEST_F(DatasetWriterTest, KeepsWholeClipsAndMakesMissingOnes) {
  const DatasetOptions o = options("again");
  const auto first = write_dataset(o, {});
  fs::remove(o.folder / "annotations" / (first[1].name + ".json"));
  int frames = 0;
  const auto second = write_dataset(o, [&] { ++frames; });
  EXPECT_TRUE(second[0].kept);
  EXPECT_FALSE(second[1].kept);
  EXPECT_EQ(frames, 18);
  EXPECT_EQ(hashes(first), hashes(second));
}

TEST_F(DatasetWriterTest, OtherSettingsDoNotMixUnasked) {
  DatasetOptions o = options("mix");
  const auto first = write_dataset(o, {});
  o.seed = 2;
  EXPECT_THROW(write_dataset(o, {}), Error);
  o.overwrite = true;
  EXPECT_NE(hashes(write_dataset(o, {})), hashes(first));
}

TEST_F(DatasetWriterTest, AnInterruptLeavesWholeClipsOnly) {
  const DatasetOptions o = options("stop");
  int frames = 0;
  try {
    write_dataset(o, [&] {
      if (++frames == 9) request_interrupt();
    });
    ADD_FAILURE() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  EXPECT_TRUE(fs::exists(o.folder / "annotations/000001_mpii_synth.json"));
  EXPECT_FALSE(fs::exists(o.folder / "annotations/000002_mpii_synth.json"));
  EXPECT_FALSE(fs::exists(o.folder / "annotations_coco/000002_mpii_synth.json"));
}

TEST_F(DatasetWriterTest, BadOptionsAreRefusedBeforeAnythingIsWritten) {
  DatasetOptions none = options("bad");
  none.clips = 0;
  EXPECT_THROW(write_dataset(none, {}), Error);
  DatasetOptions size = options("bad");
  size.scene.width = 0;
  EXPECT_THROW(write_dataset(size, {}), Error);
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

}  // namespace
}  // namespace vepe::synth
