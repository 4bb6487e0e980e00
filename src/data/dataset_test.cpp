#include "data/dataset.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "data/test_pictures.h"

namespace vepe::data {
namespace {

using namespace testing;

DatasetConfig coco(const std::string& annotations, const std::string& images) {
  DatasetConfig config;
  config.annotations = annotations, config.images = images;
  return config;
}

std::string one_image(const TempFolder& folder, const std::string& annotations, const std::string& image_extra = "",
                      const std::string& info = "") {
  return folder.write(
      "a.json",
      fmt::format(R"({{{}"images": [{{"id": 5, "file_name": "a.png", "width": 40, "height": 30{}}}], "annotations": [{}], {}}})",
                  info, image_extra, annotations, kCategory));
}

std::string annotation(const std::string& keypoints, const std::string& box, double area = 50, const std::string& extra = "") {
  static int id = 0;
  return fmt::format(
      R"({{"id": {}, "image_id": 5, "category_id": 1, "iscrowd": 0, "num_keypoints": 1, "keypoints": [{}], "bbox": [{}], "area": {}{}}})",
      ++id, keypoints, box, area, extra);
}

constexpr char kGood[] = "3,4,2, 5,6,1, 0,0,0, 0,0,0";

void expect_error(const std::function<void()>& call, ErrorCode code, const std::string& text) {
  try {
    call();
    FAIL() << "no error; wanted: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    EXPECT_FALSE(error.remedy().empty()) << error.what();
  }
}

TEST(Dataset, FollowsPetrsRulesForPeople) {
  struct Case {
    const char* name;
    std::string annotation;
    std::size_t people, ignored;
  };
  const std::vector<Case> cases = {
      {"labelled person", annotation(kGood, "2,3,10,12"), 1, 0},
      {"no keypoints", annotation("0,0,0, 0,0,0, 0,0,0, 0,0,0", "2,3,10,12"), 0, 1},
      {"crowd of unknown kind", annotation("0,0,0, 0,0,0, 0,0,0, 0,0,0", "2,3,10,12", 50, R"(, "iscrowd_unknown": 1)"), 0, 1},
      {"no area", annotation(kGood, "2,3,10,12", 0), 0, 1},
      {"box below one pixel", annotation(kGood, "2,3,0.5,12"), 0, 0},
      {"box outside", annotation(kGood, "50,3,10,12"), 0, 0},
      {"keypoints outside", annotation("-3,4,2, 90,6,2, 0,0,0, 0,0,0", "2,3,10,12"), 0, 1},
  };
  TempFolder folder;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const Dataset set(coco(one_image(folder, test.annotation), folder / "."));
    ASSERT_EQ(set.size(), 1u);
    EXPECT_EQ(set.labels(0).people.size(), test.people);
    EXPECT_EQ(set.labels(0).ignore_boxes.size(), test.ignored);
  }
}

TEST(Dataset, CrowdIsARegionToIgnore) {
  TempFolder folder;
  std::string crowd = annotation(kGood, "2,3,10,12");
  crowd.replace(crowd.find("\"iscrowd\": 0"), 12, "\"iscrowd\": 1");
  const Dataset set(coco(one_image(folder, crowd), folder / "."));
  EXPECT_TRUE(set.labels(0).people.empty());
  EXPECT_EQ(set.labels(0).ignore_boxes.size(), 1u);
}

TEST(Dataset, KeypointsAreShiftedToPixelCentresAndBoxesAreNot) {
  TempFolder folder;
  const Dataset set(coco(one_image(folder, annotation(kGood, "2,3,10,12")), folder / "."));
  const Person& person = set.labels(0).people.at(0);
  EXPECT_EQ(person.keypoints[0].x, 3.5f);
  EXPECT_EQ(person.keypoints[1].y, 6.5f);
  EXPECT_EQ(person.keypoints[1].visibility, 1);
  EXPECT_EQ(person.keypoints[2].x, 0);
  EXPECT_EQ(person.box.x0, 2);
  EXPECT_EQ(person.box.x1, 12);
}

TEST(Dataset, KnowsWhoseBystandersAreUnlabelled) {
  TempFolder folder;
  const std::string person = annotation(kGood, "2,3,10,12");
  EXPECT_FALSE(Dataset(coco(one_image(folder, person), folder / ".")).labels(0).unlabelled_bystanders);
  EXPECT_TRUE(Dataset(coco(one_image(folder, person, R"(, "labels": "keypoint persons only")"), folder / "."))
                  .labels(0)
                  .unlabelled_bystanders);
  const std::string path =
      one_image(folder, person, R"(, "neck": null, "head_top": [3, 4])", R"("info": {"bystanders": "unlabelled"}, )");
  EXPECT_TRUE(Dataset(coco(path, folder / ".")).labels(0).unlabelled_bystanders);
  DatasetConfig config = coco(path, folder / ".");
  config.bystanders = "labelled";
  EXPECT_FALSE(Dataset(config).labels(0).unlabelled_bystanders);
}

TEST(Dataset, LoadsPixelsAndScalesLabelsToAnotherSize) {
  TempFolder folder;
  const std::string path = one_image(folder, annotation(kGood, "2,3,10,12"));
  video::write_image(folder / "a.png", noise_picture(40, 30, 1));
  const Dataset set(coco(path, folder / "."));
  EXPECT_EQ(set.load(0).image.pixels, noise_picture(40, 30, 1).pixels);
  video::write_image(folder / "a.png", noise_picture(80, 60, 1));
  const Sample larger = set.load(0);
  EXPECT_EQ(larger.people[0].keypoints[0].x, 7);
  EXPECT_EQ(larger.people[0].area, 200);
  EXPECT_EQ(larger.people[0].box.y1, 30);
  video::write_image(folder / "a.png", noise_picture(80, 50, 1));
  expect_error([&] { set.load(0); }, ErrorCode::kInput, "is 80x50, its annotations are for 40x30");
}

TEST(Dataset, ListsSelectPictures) {
  TempFolder folder;
  DatasetConfig config = coco(write_set(folder, 6), folder / "set_images");
  config.include_ids = folder.write("in.txt", "# some\n100\n 102 # by id\n000000000105\r\n");
  const Dataset included(config);
  ASSERT_EQ(included.size(), 3u);
  EXPECT_EQ(included.labels(1).image_id, 102);
  EXPECT_EQ(included.labels(2).image_id, 105);
  config.exclude_ids = folder.write("out.txt", "102\n");
  EXPECT_EQ(Dataset(config).size(), 2u);
  config.exclude_ids = folder.write("none.txt", "999\n");
  expect_error([&] { Dataset{config}; }, ErrorCode::kUsage, "names no picture");
  config.exclude_ids = config.include_ids;
  expect_error([&] { Dataset{config}; }, ErrorCode::kUsage, "leaves no picture");
}

TEST(Dataset, FolderOfPicturesHasNobodyOnThem) {
  TempFolder folder;
  write_set(folder, 3);
  folder.write("set_images/notes.txt", "not a picture");
  DatasetConfig config;
  config.kind = "images", config.images = folder / "set_images";
  const Dataset set(config);
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set.labels(2).image_id, 102);
  EXPECT_TRUE(set.load(0).people.empty());
  EXPECT_EQ(set.load(2).image.height, 80);
  EXPECT_TRUE(set.keypoint_names().empty());
}

TEST(Dataset, BadInputIsNamedWithARemedy) {
  TempFolder folder;
  const std::string good = one_image(folder, annotation(kGood, "2,3,10,12"));
  expect_error([&] { Dataset(coco(folder / "missing.json", folder / ".")); }, ErrorCode::kInput, "missing.json");
  expect_error([&] { Dataset(coco(good, folder / "nowhere")); }, ErrorCode::kInput, "nowhere");
  const std::string cut = folder.write("cut.json", R"({"images": [{"id": 5, "file_)");
  expect_error([&] { Dataset(coco(cut, folder / ".")); }, ErrorCode::kInput, "cut.json");
  const std::string escape = folder.write(
      "escape.json",
      fmt::format(R"({{"images": [{{"id": 5, "file_name": "../a.png", "width": 40, "height": 30}}], "annotations": [], {}}})",
                  kCategory));
  expect_error([&] { Dataset(coco(escape, folder / ".")); }, ErrorCode::kInput, "../a.png");
  const Dataset set(coco(one_image(folder, annotation(kGood, "2,3,10,12")), folder / "."));
  expect_error([&] { set.load(0); }, ErrorCode::kInput, "a.png");
  DatasetConfig empty;
  empty.kind = "images", empty.images = folder / "empty";
  std::filesystem::create_directory(empty.images);
  expect_error([&] { Dataset{empty}; }, ErrorCode::kInput, "holds no pictures");
}

TEST(FlipOrder, ExchangesLeftAndRightByName) {
  EXPECT_EQ(flip_order({"nose", "left_eye", "right_eye", "right_hip", "head_top", "left_hip"}),
            (std::vector<int>{0, 2, 1, 5, 4, 3}));
}

}  // namespace
}  // namespace vepe::data
