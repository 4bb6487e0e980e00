#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/coco.h"
#include "formats/csv.h"
#include "formats/jsonl.h"
#include "formats/mot.h"
#include "formats/posetrack.h"

namespace vepe::formats {
namespace {

enum class Reader { kCoco, kResults, kPt17, kPt18, kJsonLines, kCsv, kMot };

Sequence parse(Reader reader, const std::string& text, const ReadOptions& options = {}) {
  switch (reader) {
    case Reader::kCoco:
      return parse_coco(text, "bad.json", options).poses;
    case Reader::kResults:
      return parse_coco_results(text, "bad.json", options);
    case Reader::kPt17:
      return parse_posetrack(text, "bad.json", PoseTrackLayout::kPoseTrack17, options);
    case Reader::kPt18:
      return parse_posetrack(text, "bad.json", PoseTrackLayout::kPoseTrack18, options);
    case Reader::kJsonLines:
      return parse_jsonl(text, "bad.json", options);
    case Reader::kCsv:
      return parse_csv(text, "bad.json", options);
    case Reader::kMot:
      return parse_mot(text, "bad.json", options);
  }
  return {};
}

std::string coco(const std::string& annotation, const std::string& images = R"({"id": 7})") {
  return R"({"images": [)" + images + R"(], "categories": [{"id": 1, "keypoints": ["nose", "neck"]}], "annotations": [)" +
         annotation + "]}";
}
std::string annotation(const std::string& keypoints, const std::string& rest = R"("image_id": 7, "id": 42)") {
  return R"({"category_id": 1, "keypoints": )" + keypoints + ", " + rest + "}";
}
std::string annolist(const std::string& person) {
  return R"({"annolist": [{"image": [{"name": "a/0.jpg"}], "annorect": [)" + person + "]}]}";
}
std::string point(const std::string& content) { return annolist(R"({"annopoints": [{"point": [)" + content + "]}]}"); }
std::string result(const std::string& content) { return "[{" + content + "}]"; }
std::string line(const std::string& people) { return R"({"index": 0, "people": [)" + people + "]}\n"; }
std::string csv(const std::string& row) {
  return "frame,pts,width,height,id,score,x,y,w,h,nose_x,nose_y,nose_score\n" + row + "\n";
}

struct Case {
  Reader reader;
  std::string text;
  const char* place;    // part of `where`
  const char* message;  // part of the message
};

const std::string kOk = annotation("[1, 2, 2, 0, 0, 0]");

std::vector<Case> cases() {
  using enum Reader;
  return {
      {kCoco, "", "byte 0", "breaks off"},
      {kCoco, "   ", "byte 3", "breaks off"},
      {kCoco, "hello", "byte 0", "wrong JSON"},
      {kCoco, "7", "byte 0", "found a number, expected an object"},
      {kCoco, "[]", "bad.json", "is a list, not an annotation file"},
      {kCoco, "{}", "bad.json", "has no 'images'"},
      {kCoco, R"({"images": []})", "bad.json", "has no 'annotations'"},
      {kCoco, R"({"annolist": []})", "bad.json", "PoseTrack17 annolist"},
      {kCoco, coco(kOk).substr(0, 100), "byte 100", "breaks off"},
      {kCoco, coco(kOk) + "x", "byte ", "expected the end of the file"},
      {kCoco, coco(kOk, R"({"file_name": "a.jpg"})"), "images[0]", "has no 'id'"},
      {kCoco, coco(kOk, R"({"id": 7}, {"id": 7})"), "image 7", "given twice"},
      {kCoco, coco(kOk, R"({"id": 7.5})"), "images[0]", "expected an integer"},
      {kCoco, coco(kOk, R"({"id": 99999999999999999999})"), "images[0]", "expected an integer"},
      {kCoco, coco(kOk, R"({"id": 7, "width": -3})"), "image 7", "width -3 is out of range"},
      {kCoco, coco(kOk, R"({"id": 7, "width": 3000000000})"), "image 7", "out of range"},
      {kCoco, coco(kOk, R"({"id": 7, "file_name": 3})"), "image 7", "found a number, expected a string"},
      {kCoco, coco(kOk, "{\"id\": 7, \"file_name\": \"\xff\"}"), "image 7", "not UTF-8"},
      {kCoco, coco(kOk, R"({"id": 7, "file_name": "\ud800"})"), "byte ", "surrogate"},
      {kCoco, coco(kOk, R"({"id": 7, "ignore_regions_x": [[1, 2]], "ignore_regions_y": [[1]]})"), "image 7", "differ in length"},
      {kCoco, coco(kOk, R"({"id": 7, "ignore_regions_x": [1, [2]], "ignore_regions_y": []})"), "image 7", "mixes"},
      {kCoco, coco(annotation("[1, 2, 2]")), "annotation 42 (image 7)", "1 keypoints, but the category names 2"},
      {kCoco, coco(annotation("[1, 2, 2, 3]")), "annotation 42 (image 7)", "not a multiple of 3"},
      {kCoco, coco(annotation("[NaN, 2, 2, 0, 0, 0]")), "annotation 42 (image 7)", "not finite"},
      {kCoco, coco(annotation("[1, -Infinity, 2, 0, 0, 0]")), "annotation 42", "not finite"},
      {kCoco, coco(annotation("[1e999, 2, 2, 0, 0, 0]")), "annotation 42", "not finite"},
      {kCoco, coco(annotation("[1e12, 2, 2, 0, 0, 0]")), "annotation 42", "out of range"},
      {kCoco, coco(annotation(R"(["1", 2, 2, 0, 0, 0])")), "annotation 42", "found a string, expected a number"},
      {kCoco, coco(annotation(R"("none")")), "annotation 42", "found a string, expected a list"},
      {kCoco, coco(annotation("[01, 2, 2, 0, 0, 0]")), "annotations[0]", "wrong JSON"},
      {kCoco, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("id": 42)")), "annotation 42", "has no 'image_id'"},
      {kCoco, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("id": 42, "image_id": 8)")), "annotation 42",
       "image id 8 is not in 'images'"},
      {kCoco, coco(kOk + ", " + kOk), "annotation 42", "given twice"},
      {kCoco, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("image_id": 7, "id": 42, "bbox": [1, 2, 3])")), "annotation 42",
       "bbox has 3 numbers"},
      {kCoco, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("image_id": 7, "id": 42, "iscrowd": 2)")), "annotation 42", "true or false"},
      {kCoco, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("image_id": 7, "id": 42, "x": )" + std::string(100, '['))), "byte ",
       "nested deeper than 64"},
      {kResults, "{}", "bad.json", "is an object, but COCO results are a list"},
      {kResults, result(R"("keypoints": [1, 2, 1], "score": 1)"), "result 0", "has no 'image_id'"},
      {kResults, result(R"("image_id": 1, "score": 1)"), "result 0", "has no 'keypoints'"},
      {kResults, result(R"("image_id": 1, "keypoints": [1, 2, 1])"), "result 0", "has no 'score'"},
      {kResults, result(R"("image_id": "000001", "keypoints": [1, 2, 1], "score": 1)"), "result 0",
       "found a string, expected a number"},
      {kResults, result(R"("image_id": 1, "keypoints": [1, 2, 1], "score": NaN)"), "result 0", "score is not finite"},
      {kResults, R"([{"image_id": 1, "keypoints": [1, 2, 1], "score": 1}, {"image_id": 1, "keypoints": [], "score": 1}])",
       "result 1", "no 'keypoints'"},
      {kPt17, R"({"images": []})", "bad.json", "not a PoseTrack17 annolist"},
      {kPt17, "{}", "bad.json", "has no 'annolist'"},
      {kPt17, point(R"({"id": [15], "x": [1], "y": [2]})"), "frame 0: person 0", "joint id 15 is not in 0..14"},
      {kPt17, point(R"({"id": [1.5], "x": [1], "y": [2]})"), "frame 0: person 0", "not an integer"},
      {kPt17, point(R"({"id": [3], "x": [1]})"), "frame 0: person 0", "no id, x or y"},
      {kPt17, point(R"({"id": [3], "x": [1, 2], "y": [2]})"), "frame 0: person 0", "more than one value"},
      {kPt17, point(R"({"id": [3], "x": [1], "y": [2]}, {"id": [3], "x": [1], "y": [2]})"), "frame 0: person 0", "given twice"},
      {kPt17, point(R"({"id": [3], "x": [Infinity], "y": [2]})"), "frame 0: person 0", "not finite"},
      {kPt17, annolist(R"({"x1": [1], "y1": [2], "x2": [3]})"), "frame 0: person 0", "3 of x1, y1, x2, y2"},
      {kPt18, R"({"annolist": []})", "bad.json", "is a PoseTrack17 annolist"},
      {kPt18, coco(R"({"image_id": 7, "id": 42})"), "annotation 42", "has no 'keypoints'"},
      {kPt18, coco(annotation("[1, 2, 2, 0, 0, 0]", R"("image_id": 7, "id": 42, "scores": [1])")), "annotation 42",
       "1 scores for 2 keypoints"},
      {kPt18, R"({"images": [], "annotations": [], "categories": [{"id": 1}]})", "categories[0]", "names no keypoints"},
      {kJsonLines, "{\"people\": []}\n", "line 1", "has no 'index'"},
      {kJsonLines, "{\"index\": 0}\n", "line 1", "has no 'people'"},
      {kJsonLines, line("") + line(""), "line 2", "frame 0 follows frame 0"},
      {kJsonLines, line(R"({"keypoints": [[1, 2, 3]]})"), "line 1", "1 keypoints without names"},
      {kJsonLines, line(R"({"keypoints": [[1]]})"), "line 1", "a keypoint has 1 numbers"},
      {kJsonLines, "{\"index\": 0, \"peo", "line 1: byte 17", "breaks off"},
      {kJsonLines, "{\"index\": -1, \"people\": []}\n", "line 1", "is negative"},
      {kCsv, "", "bad.json", "is empty"},
      {kCsv, "a,b,c\n", "line 1", "header line"},
      {kCsv, csv("0,,,"), "line 2", "4 cells, but the header has 13"},
      {kCsv, csv("x,,,,,,,,,,,,"), "line 2", "'x' is not a number"},
      {kCsv, csv("0,,,,1,0.5,,,,,7,,"), "line 2", "only one of x and y"},
      {kCsv, csv("0,,,,1,nan,,,,,,,"), "line 2", "not finite"},
      {kMot, "1,2,3\n", "line 1", "3 columns, not 6 to 10"},
      {kMot, "0,1,2,3,4,5\n", "line 1", "not a frame number"},
      {kMot, "1,1,2,3,4,5\n1,1,2,3,-4,5\n", "line 2", "negative size"},
      {kMot, "1,1,2,x,4,5\n", "line 1", "'x' is not a number"},
      {kMot, "1,1.5,2,3,4,5\n", "line 1", "not a whole number"},
      {kMot, "1,1,2,3,4,1e300\n", "line 1", "out of range"},
  };
}

TEST(BadInput, EachFileGivesOneLineWithPlaceMessageAndRemedy) {
  int index = 0;
  for (const Case& c : cases()) {
    SCOPED_TRACE("case " + std::to_string(index++) + ": " + c.text.substr(0, 200));
    try {
      parse(c.reader, c.text);
      ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_EQ(error.exit_status(), 3);
      EXPECT_EQ(error.where().rfind("bad.json", 0), 0u) << error.what();
      EXPECT_NE(error.where().find(c.place), std::string::npos) << error.what();
      EXPECT_NE(error.message().find(c.message), std::string::npos) << error.what();
      EXPECT_FALSE(error.remedy().empty()) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_GE(index, 60);
}

TEST(BadInput, LenientKeepsTheRestAndListsWhatItLeftOut) {
  const std::string text =
      coco(annotation("[NaN, 2, 2, 0, 0, 0]") + ", " + annotation("[1, 2, 2, 3, 4, 1]", R"("image_id": 7, "id": 43)") + ", " +
           annotation("[1, 2, 2, 3, 4, 1]", R"("image_id": 9, "id": 44)"));
  std::vector<Skipped> skipped;
  const Sequence sequence = parse(Reader::kCoco, text, {.lenient = true, .skipped = &skipped});
  ASSERT_EQ(sequence.frames.size(), 1u);
  ASSERT_EQ(sequence.frames[0].persons.size(), 1u);
  EXPECT_EQ(sequence.frames[0].persons[0].id, 43);
  ASSERT_EQ(skipped.size(), 2u);
  EXPECT_NE(skipped[0].where.find("annotation 42 (image 7)"), std::string::npos);
  EXPECT_NE(skipped[1].message.find("image id 9"), std::string::npos);
}

// A file cut at any byte: strict refuses it and names the byte; lenient returns what stood before or refuses.
TEST(BadInput, TruncationAtEveryByte) {
  const std::string whole =
      coco(annotation("[1.5, 2, 2, 0, 0, 0]") + ", " + annotation("[1, 2, 2, 3, 4, 1]", R"("image_id": 7, "id": 43)"));
  ASSERT_EQ(parse(Reader::kCoco, whole).frames[0].persons.size(), 2u);
  bool kept_one = false;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    try {
      parse(Reader::kCoco, cut);
      ADD_FAILURE() << "accepted " << size << " bytes";
    } catch (const Error& error) {
      EXPECT_NE(error.where().find("byte " + std::to_string(size)), std::string::npos) << error.what();
    }
    try {
      std::vector<Skipped> skipped;
      const Sequence part = parse(Reader::kCoco, cut, {.lenient = true, .skipped = &skipped});
      EXPECT_FALSE(skipped.empty());
      kept_one = kept_one || part.frames[0].persons.size() == 1;
    } catch (const Error&) {  // nothing was there yet
    }
  }
  EXPECT_TRUE(kept_one);
}

TEST(BadInput, LenientAnnolistKeepsThePlaceOfABrokenFrame) {
  const std::string text = R"({"annolist": [{"image": 5}, {"image": [{"name": "a/1.jpg"}], "annorect": []}]})";
  std::vector<Skipped> skipped;
  const Sequence sequence = parse(Reader::kPt17, text, {.lenient = true, .skipped = &skipped});
  ASSERT_EQ(sequence.frames.size(), 2u);
  EXPECT_EQ(sequence.frames[1].file_name, "a/1.jpg");
  EXPECT_EQ(skipped.size(), 1u);
}

}  // namespace
}  // namespace vepe::formats
