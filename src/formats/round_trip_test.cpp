#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/random.h"
#include "formats/convert.h"
#include "formats/joints.h"
#include "formats/json_cursor.h"
#include "formats/mot.h"
#include "formats/posetrack.h"

namespace vepe::formats {
namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(VEPE_SOURCE_DIR) / "tests/data/formats";

class RoundTrip : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("vepe_formats_" + std::to_string(::getpid()) + "_" +
                                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path convert(const fs::path& in, Format from, Format to, const std::string& joints = "") {
    const fs::path out = folder_ / ("step" + std::to_string(step_++) + (to == Format::kJsonLines ? ".jsonl" : ".json"));
    convert_file(in, out, {.from = from, .to = to, .joints = joints, .sequence = "000404_mpii_test"});
    return out;
  }

  fs::path folder_;
  int step_ = 0;
};

// Same persons in the same order with bit-equal present keypoints, scores and ids; joints are compared by name.
void expect_same_poses(const Sequence& a, const Sequence& b, bool compare_visibility) {
  ASSERT_EQ(a.frames.size(), b.frames.size());
  const std::vector<int> map = joint_map(b.joint_names, a.joint_names);
  for (std::size_t f = 0; f < a.frames.size(); ++f) {
    SCOPED_TRACE("frame " + std::to_string(f));
    ASSERT_EQ(a.frames[f].persons.size(), b.frames[f].persons.size());
    for (std::size_t p = 0; p < a.frames[f].persons.size(); ++p) {
      const Person &x = a.frames[f].persons[p], &y = b.frames[f].persons[p];
      EXPECT_EQ(x.track_id, y.track_id);
      EXPECT_EQ(x.score, y.score);
      ASSERT_EQ(x.keypoints.empty(), y.keypoints.empty());
      EXPECT_EQ(x.present_count(), y.present_count());
      for (std::size_t k = 0; k < x.keypoints.size(); ++k) {
        if (!x.keypoints[k].present) continue;
        ASSERT_GE(map[k], 0);
        const Keypoint& other = y.keypoints[static_cast<std::size_t>(map[k])];
        EXPECT_TRUE(other.present);
        EXPECT_EQ(x.keypoints[k].x, other.x);
        EXPECT_EQ(x.keypoints[k].y, other.y);
        EXPECT_EQ(x.keypoints[k].score, other.score);
        if (compare_visibility) {
          EXPECT_EQ(x.keypoints[k].visibility, other.visibility);
        }
      }
    }
  }
}

TEST_F(RoundTrip, PredictionsThrough17And18And17AndJsonLines) {
  const fs::path start = kData / "pt17_pred.json";
  const fs::path as18 = convert(start, Format::kPoseTrack17, Format::kPoseTrack18);
  const fs::path back = convert(as18, Format::kPoseTrack18, Format::kPoseTrack17);
  const fs::path lines = convert(back, Format::kPoseTrack17, Format::kJsonLines);
  const Sequence original = read_poses(start, Format::kPoseTrack17).poses;
  ASSERT_GT(original.frames.size(), 5u);
  expect_same_poses(original, read_poses(as18, Format::kPoseTrack18).poses, true);
  expect_same_poses(original, read_poses(back, Format::kPoseTrack17).poses, true);
  const Sequence end = read_poses(lines, Format::kJsonLines).poses;
  expect_same_poses(original, end, false);
  for (std::size_t f = 0; f < original.frames.size(); ++f) EXPECT_EQ(original.frames[f].file_name, end.frames[f].file_name);
}

// The two files of the sequence were written from one source in both layouts.
TEST_F(RoundTrip, AnnotationsIn17AgreeWithThoseIn18) {
  const Sequence as17 = read_poses(kData / "pt17_gt_202.json", Format::kPoseTrack17).poses;
  const Sequence as18 = read_poses(kData / "pt18_gt.json", Format::kPoseTrack18).poses;
  expect_same_poses(as17, as18, true);
  for (std::size_t f = 0; f < as17.frames.size(); ++f) {
    EXPECT_EQ(as17.frames[f].image_id, as18.frames[f].image_id);
    EXPECT_EQ(as17.frames[f].is_labeled, true);  // the only thing in which the files differ
    EXPECT_EQ(as18.frames[f].is_labeled, f != 5);
    ASSERT_EQ(as17.frames[f].ignore_regions.size(), as18.frames[f].ignore_regions.size());
    for (std::size_t r = 0; r < as17.frames[f].ignore_regions.size(); ++r) {
      EXPECT_EQ(as17.frames[f].ignore_regions[r].points, as18.frames[f].ignore_regions[r].points);
    }
    for (std::size_t p = 0; p < as17.frames[f].persons.size(); ++p) {
      const Person &a = as17.frames[f].persons[p], &b = as18.frames[f].persons[p];
      ASSERT_TRUE(a.head_box && b.head_box);
      EXPECT_NEAR(a.head_box->width, b.head_box->width, 0.0011);  // corners and sizes were rounded to 0.001 each
      EXPECT_EQ(a.head_box->x, b.head_box->x);
    }
  }
}

TEST_F(RoundTrip, MissingAndEmptyPointListsStayApart) {
  const Sequence sequence = read_poses(kData / "pt17_gt.json", Format::kPoseTrack17).poses;
  std::size_t missing = 0, persons = 0;
  for (const Frame& frame : sequence.frames) {
    for (const Person& person : frame.persons) {
      ++persons;
      missing += person.keypoints.empty();
    }
  }
  EXPECT_EQ(persons, 89u);
  EXPECT_EQ(missing, 4u);
  const fs::path again = convert(kData / "pt17_gt.json", Format::kPoseTrack17, Format::kPoseTrack17);
  expect_same_poses(sequence, read_poses(again, Format::kPoseTrack17).poses, true);

  const Sequence empty =
      parse_posetrack(R"({"annolist": [{"annorect": [{"annopoints": [{"point": []}]}, {"annopoints": []}, {}]}]})", "x",
                      PoseTrackLayout::kPoseTrack17);
  ASSERT_EQ(empty.frames[0].persons.size(), 2u);
  EXPECT_EQ(empty.frames[0].persons[0].keypoints.size(), 15u);
  EXPECT_EQ(empty.frames[0].persons[0].present_count(), 0);
  EXPECT_TRUE(empty.frames[0].persons[1].keypoints.empty());
}

TEST_F(RoundTrip, CocoAnnotationsKeepEveryFieldThatEvaluationReads) {
  const fs::path again = convert(kData / "coco_gt.json", Format::kCoco, Format::kCoco);
  const Sequence a = read_poses(kData / "coco_gt.json", Format::kCoco).poses, b = read_poses(again, Format::kCoco).poses;
  expect_same_poses(a, b, true);
  ASSERT_EQ(a.frames.size(), 30u);
  for (std::size_t f = 0; f < a.frames.size(); ++f) {
    EXPECT_EQ(a.frames[f].image_id, b.frames[f].image_id);
    for (std::size_t p = 0; p < a.frames[f].persons.size(); ++p) {
      const Person &x = a.frames[f].persons[p], &y = b.frames[f].persons[p];
      EXPECT_EQ(x.id, y.id);
      EXPECT_EQ(x.area, y.area);
      EXPECT_EQ(x.is_crowd, y.is_crowd);
      EXPECT_EQ(x.num_keypoints, y.num_keypoints);
      EXPECT_EQ(x.bbox->width, y.bbox->width);
    }
  }
}

TEST_F(RoundTrip, CocoResultsAgreeWithAnotherReader) {
  const fs::path again = convert(kData / "coco_results.json", Format::kCocoResults, Format::kCocoResults);
  const auto before = nlohmann::json::parse(read_file(kData / "coco_results.json"));
  auto after = nlohmann::json::parse(read_file(again));
  ASSERT_EQ(before.size(), after.size());
  // Results of one image stay in order; images may move together.
  std::map<std::int64_t, std::vector<nlohmann::json>> images[2];
  for (int side = 0; side < 2; ++side) {
    for (const auto& result : side == 0 ? before : after) images[side][result["image_id"]].push_back(result);
  }
  ASSERT_EQ(images[0].size(), images[1].size());
  for (const auto& [id, results] : images[0]) {
    ASSERT_EQ(results.size(), images[1][id].size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(results[i]["score"].get<double>(), images[1][id][i]["score"].get<double>());
      EXPECT_EQ(results[i]["keypoints"].get<std::vector<double>>(), images[1][id][i]["keypoints"].get<std::vector<double>>());
    }
  }
}

// One frame that has everything, so that each format can show what it keeps.
Sequence rich_sequence() {
  Sequence sequence;
  sequence.name = "000404_mpii_test";
  sequence.joint_names = posetrack15().names;
  for (int f = 0; f < 3; ++f) {
    Frame frame;
    frame.index = f * 2;
    frame.image_id = 7000 + f;  // not the one that the file name says
    frame.file_name = "images/val/000404_mpii_test/00000" + std::to_string(f * 2) + ".jpg";
    frame.width = 640;
    frame.height = 480;
    frame.pts_seconds = 0.1 * f;
    frame.is_labeled = f != 1;
    frame.has_ignore_regions = true;
    frame.ignore_regions.push_back({{{1.5, 2}, {3, 4}, {5, 0.25}}});
    for (int p = 0; p < 2 && f != 1; ++p) {
      Person person;
      person.keypoints.resize(15);
      for (int k = 0; k < 15; ++k) {
        if (k == 3 + p) continue;
        person.keypoints[static_cast<std::size_t>(k)] = {
            .x = 10.1 * k + p, .y = 5.3 * k, .score = 0.01 * k + 0.3 * p, .visibility = k % 2 ? 1.f : 0.f, .present = true};
      }
      person.keypoints[0].x = 0.125;
      person.bbox = Box{1.1, 2.2, 30.3, 40.4};
      person.head_box = Box{1, 2, 8, 16};
      person.track_id = 5 + p;
      person.person_id = 77;
      person.score = 0.75 + 0.1 * p;
      person.area = 123.5;
      person.is_crowd = p == 1;
      person.id = 900 + f * 10 + p;
      person.embedding = {0.5f, -0.25f};
      frame.persons.push_back(std::move(person));
    }
    sequence.frames.push_back(std::move(frame));
  }
  Person without_points;
  without_points.bbox = Box{4, 4, 4, 4};
  without_points.head_box = Box{4, 4, 2, 2};
  without_points.track_id = 9;
  without_points.score = 0.5;
  sequence.frames[2].persons.push_back(std::move(without_points));
  return sequence;
}

// Values of one field over the whole sequence, as text. Empty frames count for their own field only; so do persons
// without points in a format that is about keypoints.
std::string values_of(const Sequence& sequence, Field field, bool boxes_only) {
  nlohmann::json all = nlohmann::json::array();
  const std::vector<int> map = joint_map(sequence.joint_names, posetrack15().names);
  for (std::size_t f = 0; f < sequence.frames.size(); ++f) {
    const Frame& frame = sequence.frames[f];
    if (field == Field::kEmptyFrames) all.push_back(frame.persons.empty());
    if (frame.persons.empty()) continue;
    if (field == Field::kFrameNumbers) all.push_back(frame.index);
    if (field == Field::kImageIds) all.push_back(frame.image_id);
    if (field == Field::kFileNames) all.push_back(frame.file_name);
    if (field == Field::kFrameSizes) all.push_back({frame.width, frame.height});
    if (field == Field::kTimeStamps) all.push_back(frame.pts_seconds.value_or(-1));
    if (field == Field::kIsLabeled) all.push_back(frame.is_labeled.value_or(false));
    if (field == Field::kIgnoreRegions) {
      for (const Polygon& polygon : frame.ignore_regions) all.push_back(polygon.points);
    }
    for (const Person& person : frame.persons) {
      if (field == Field::kMissingPointLists) all.push_back(person.keypoints.empty());
      if (!boxes_only && person.present_count() == 0) continue;
      if (field == Field::kTrackIds) all.push_back(person.track_id.value_or(-1));
      if (field == Field::kInstanceScores) all.push_back(person.score.value_or(-1));
      if (field == Field::kBoxes && person.bbox)
        all.push_back({person.bbox->x, person.bbox->y, person.bbox->width, person.bbox->height});
      if (field == Field::kHeadBoxes && person.head_box) {
        const Box& box = *person.head_box;
        all.push_back({box.x, box.y, box.width, box.height});
      }
      if (field == Field::kAreas) all.push_back(person.area.value_or(-1));
      if (field == Field::kCrowdFlags) all.push_back(person.is_crowd);
      if (field == Field::kAnnotationIds) all.push_back(person.id.value_or(-1));
      if (field == Field::kPersonIds) all.push_back(person.person_id.value_or(-1));
      if (field == Field::kEmbeddings) all.push_back(person.embedding);
      for (const int k : person.keypoints.empty() ? std::vector<int>{} : map) {
        const Keypoint& keypoint = person.keypoints[static_cast<std::size_t>(k)];
        if (!keypoint.present) continue;
        if (field == Field::kKeypoints) all.push_back({keypoint.x, keypoint.y});
        if (field == Field::kKeypointScores) all.push_back(keypoint.score);
        if (field == Field::kVisibility) all.push_back(keypoint.visibility);
      }
    }
  }
  return all.dump();
}

// The table of losses is true: what a format is said to hold comes back, and what it is said to lose does not.
TEST_F(RoundTrip, EveryFormatHoldsExactlyWhatTheTableSays) {
  const Sequence original = rich_sequence();
  for (const Format format : all_formats()) {
    const fs::path path = folder_ / ("rich_" + std::string(format_name(format)));
    WriterOptions options;
    options.sequence_name = original.name;
    options.joint_names = original.joint_names;
    if (format == Format::kCocoResults) options.output_joints = "posetrack21_kit";
    const auto writer = open_writer(format, path, options);
    for (const Frame& frame : original.frames) writer->write(frame);
    EXPECT_FALSE(fs::exists(path));
    writer->close();
    const Sequence back = read_poses(path, format).poses;
    for (int i = 0; i < static_cast<int>(Field::kJointNames); ++i) {
      const Field field = static_cast<Field>(i);
      const bool boxes_only = !holds(format, Field::kKeypoints);
      SCOPED_TRACE(std::string(format_name(format)) + ": " + std::string(field_name(field)));
      if (holds(format, field)) {
        EXPECT_EQ(values_of(original, field, boxes_only), values_of(back, field, boxes_only));
      } else {
        EXPECT_NE(values_of(original, field, boxes_only), values_of(back, field, boxes_only));
      }
    }
  }
}

TEST_F(RoundTrip, MotKeepsBoxesIdsConfidenceClassAndVisibility) {
  for (const char* name : {"mot_gt.txt", "mot_pred.txt"}) {
    const fs::path out = folder_ / name;
    convert_file(kData / name, out, {.from = Format::kMot, .to = Format::kMot});
    const Sequence a = read_mot(kData / name), b = read_mot(out);
    ASSERT_EQ(a.frames.size(), b.frames.size());
    ASSERT_GT(a.frames.size(), 10u);
    for (std::size_t f = 0; f < a.frames.size(); ++f) {
      ASSERT_EQ(a.frames[f].persons.size(), b.frames[f].persons.size());
      EXPECT_EQ(a.frames[f].index, b.frames[f].index);
      for (std::size_t p = 0; p < a.frames[f].persons.size(); ++p) {
        const Person &x = a.frames[f].persons[p], &y = b.frames[f].persons[p];
        EXPECT_EQ(x.track_id, y.track_id);
        EXPECT_EQ(x.score, y.score);
        EXPECT_EQ(x.mot_visibility, y.mot_visibility);
        EXPECT_EQ(x.bbox->x, y.bbox->x);
        EXPECT_EQ(x.bbox->height, y.bbox->height);
      }
    }
  }
}

TEST_F(RoundTrip, WriterWithoutCloseLeavesTheOldFile) {
  const fs::path path = folder_ / "old.jsonl";
  write_file_atomically(path, "old");
  {
    const auto writer = open_writer(Format::kJsonLines, path, {.joint_names = coco17().names});
    writer->write(Frame{});
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(RoundTrip, LongVideosSpoolTheirImages) {
  const fs::path path = folder_ / "long.json";
  const auto writer = open_writer(Format::kPoseTrack21, path, {.sequence_name = "000001_mpii_test", .joint_names = coco17().names});
  constexpr int kFrames = 9000;  // the records pass one buffer, and so the file behind it
  for (int i = 0; i < kFrames; ++i) {
    Frame frame;
    frame.index = i;
    writer->write(frame);
  }
  writer->close();
  const auto document = nlohmann::json::parse(read_file(path));
  ASSERT_EQ(document["images"].size(), static_cast<std::size_t>(kFrames));
  for (int i = 0; i < kFrames; ++i) {
    ASSERT_EQ(document["images"][static_cast<std::size_t>(i)]["id"].get<std::int64_t>(), 10000010000 + i);
    ASSERT_EQ(document["images"][static_cast<std::size_t>(i)]["nframes"], kFrames);
  }
}

TEST_F(RoundTrip, NotFiniteValuesAreRefusedByEveryWriter) {
  for (const Format format : all_formats()) {
    Sequence sequence = rich_sequence();
    sequence.frames[0].persons[0].keypoints[2].x = std::numeric_limits<double>::quiet_NaN();
    sequence.frames[0].persons[0].bbox->x = std::numeric_limits<double>::infinity();
    const auto writer = open_writer(format, folder_ / "x", {.joint_names = sequence.joint_names});
    try {
      writer->write(sequence.frames[0]);
      ADD_FAILURE() << format_name(format);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("frame 0"), std::string::npos);
    }
  }
}

TEST(ConvertReport, NamesWhatThisFileLoses) {
  const fs::path out = fs::temp_directory_path() / ("vepe_losses_" + std::to_string(::getpid()) + ".txt");
  const ConvertReport report = convert_file(kData / "pt18_gt.json", out, {.from = Format::kPoseTrack18, .to = Format::kMot});
  fs::remove(out);
  EXPECT_NE(std::find(report.lost.begin(), report.lost.end(), "keypoints"), report.lost.end());
  EXPECT_NE(std::find(report.lost.begin(), report.lost.end(), "head boxes"), report.lost.end());
  EXPECT_EQ(std::find(report.lost.begin(), report.lost.end(), "track ids"), report.lost.end());
  EXPECT_EQ(report.frames, 14u);
  EXPECT_EQ(report.persons, 117u);
}

TEST(Numbers, AgreeWithStrtodOnRandomSpellings) {
  Random random(3);
  for (int i = 0; i < 30000; ++i) {
    char text[64];
    const double scale = std::pow(10.0, static_cast<double>(random.integer(-20, 19)));
    std::snprintf(text, sizeof text, random.chance(0.5) ? "%.*f" : "%.*g", static_cast<int>(random.integer(1, 18)),
                  (random.uniform() - 0.5) * scale);
    double value = 0;
    const char* end = parse_number(text, text + std::strlen(text), value);
    ASSERT_EQ(end, text + std::strlen(text)) << text;
    ASSERT_EQ(value, std::strtod(text, nullptr)) << text;
  }
}

}  // namespace
}  // namespace vepe::formats
