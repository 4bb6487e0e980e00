#include "formats/persons_ahead.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/coco_like.h"

namespace vepe::formats {
namespace {

enum class Layout { kCoco, kPoseTrack, kResults };
constexpr Layout kLayouts[] = {Layout::kCoco, Layout::kPoseTrack, Layout::kResults};

constexpr AheadOptions kAlone{.threads = 1};
// So many parts in a text of some KB that every text has borders everywhere.
AheadOptions parts_of(std::size_t bytes, int threads = 2) { return {.threads = threads, .part_bytes = bytes, .least_bytes = 0}; }

std::string element(int i, const std::string& extra = "") {
  std::ostringstream out;
  out << "{" << extra << "\"keypoints\": [" << i << ".25, 7, 2, 0, 0, 0], \"image_id\": " << 1 + i % 7 << ", \"score\": 0." << i
      << ", \"id\": " << i << ", \"track_id\": " << i % 3 << ", \"bbox\": [1, 2, 3, " << i << "]}";
  return out.str();
}

std::vector<std::string> elements(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(element(i));
  return all;
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string file_of(Layout layout, const std::vector<std::string>& list, const std::string& separator = ", ") {
  const std::string text = "[" + joined(list, separator) + "]";
  if (layout == Layout::kResults) return text;
  // The categories after the long list, whose end has to be found.
  return R"({"images": [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}, {"id": 5}, {"id": 6}, {"id": 7}], "annotations": )" + text +
         R"(, "categories": [{"id": 1, "keypoints": ["nose", "neck"]}]})";
}

void print(std::ostream& out, const Sequence& sequence) {
  for (const std::string& name : sequence.joint_names) out << name << " ";
  for (const Frame& frame : sequence.frames) {
    out << "\nframe " << frame.index << " image " << frame.image_id;
    for (const Person& person : frame.persons) {
      out << "\n id " << person.id.value_or(-1) << " track " << person.track_id.value_or(-1) << " score "
          << person.score.value_or(-1);
      if (person.bbox) out << " box " << person.bbox->width << " " << person.bbox->height;
      for (const Keypoint& k : person.keypoints) out << " (" << k.x << " " << k.y << " " << k.score << " " << k.present << ")";
    }
  }
}

// All that a reader tells of a text: the poses, what it skipped, or the error.
std::string outcome(Layout layout, const std::string& text, bool lenient, const AheadOptions& ahead) {
  std::ostringstream out;
  std::vector<Skipped> skipped;
  const ReadOptions options{.lenient = lenient, .skipped = &skipped};
  try {
    if (layout == Layout::kResults) {
      print(out, parse_results(text, "a.json", options, nullptr, ahead));
    } else {
      const CocoLike rules = layout == Layout::kCoco ? CocoLike::kCoco : CocoLike::kPoseTrack;
      print(out, parse_coco_like(text, "a.json", rules, options, nullptr, ahead).poses);
    }
  } catch (const Error& error) {
    out << "error " << error.what();
  }
  for (const Skipped& one : skipped) out << "\nskipped " << one.where << ": " << one.message;
  return out.str();
}

void expect_same_as_alone(Layout layout, const std::string& text) {
  for (const bool lenient : {false, true}) {
    const std::string alone = outcome(layout, text, lenient, kAlone);
    for (const std::size_t bytes : {std::size_t{97}, std::size_t{1500}}) {
      SCOPED_TRACE("layout " + std::to_string(static_cast<int>(layout)) + ", parts of " + std::to_string(bytes) + " bytes" +
                   (lenient ? ", lenient" : ""));
      EXPECT_EQ(outcome(layout, text, lenient, parts_of(bytes, bytes < 1000 ? 2 : 3)), alone);
    }
  }
}

// How many persons of the text come from other threads.
std::size_t taken_of(const std::string& list, const AheadOptions& options) {
  JsonCursor cursor(list);
  const ReadPerson read = [](JsonCursor& at, PersonScratch&, ImagePerson& found) {
    std::string_view key;
    bool has_id = false;
    for (at.enter_object(); at.next_member(key);) {
      if (key == "image_id") {
        found.image_id = at.integer();
        has_id = true;
      } else {
        at.skip();
      }
    }
    if (!has_id) at.fail("no id", "give one");
  };
  std::size_t taken = 0;
  cursor.enter_array();
  cursor.next_element();
  cursor.skip();
  if (!cursor.next_element()) return 0;
  PersonsAhead ahead(list, cursor, read, options);
  do {
    const std::size_t more = ahead.take(cursor, [](ImagePerson&&) {});
    if (more == 0) cursor.skip();
    taken += more;
  } while (cursor.next_element());
  cursor.finish();
  return taken;
}

TEST(PersonsAhead, HandsOverAllButTheFirst) {
  const std::string text = file_of(Layout::kResults, elements(300));
  for (const int threads : {2, 3, 8}) EXPECT_EQ(taken_of(text, parts_of(1000, threads)), 299u) << threads << " threads";
  EXPECT_EQ(taken_of(text, kAlone), 0u);
  EXPECT_EQ(taken_of(text, {.threads = 2, .least_bytes = text.size()}), 0u) << "a short text is not worth the threads";
  EXPECT_EQ(taken_of(file_of(Layout::kResults, elements(1)), parts_of(10)), 0u);
}

TEST(PersonsAhead, ReadsTheSameAsOneThread) {
  for (const Layout layout : kLayouts) {
    for (const char* separator : {", ", ",", " ,\n\t ", "\r\n,{\"other\": 1}, "}) {
      SCOPED_TRACE(separator);
      expect_same_as_alone(layout, file_of(layout, elements(200), separator));
    }
    expect_same_as_alone(layout, file_of(layout, elements(200)).insert(0, "\xEF\xBB\xBF"));
    expect_same_as_alone(layout, file_of(layout, {}));
    expect_same_as_alone(layout, file_of(layout, elements(2)));
  }
}

// In the second half and at both ends, so that persons of other threads lie before and behind.
TEST(PersonsAhead, DefectsAreToldAsByOneThread) {
  const std::string defects[] = {
      R"({"keypoints": [1, 2, 2, 3], "image_id": 1, "score": 1, "id": 900})",
      R"({"keypoints": [1, 2, 2], "image_id": 1, "score": 1, "id": 901})",
      R"({"keypoints": [1, NaN, 2, 0, 0, 0], "image_id": 1, "score": 1})",
      R"({"keypoints": [1, 2, 2, 0, 0, 0], "score": 1, "id": 902})",
      R"({"keypoints": [1, 2, 2, 0, 0, 0], "image_id": 99, "score": 1, "id": 903})",
      element(3),  // the id of another one
      R"({"image_id": 1, "score": 1})",
      R"({"image_id": 1, "score": "})",
      R"({"image_id": 1, "score": 1, "x": "\u12"})",
      R"({"image_id": 1 "score": 1})",
      R"({"a": )" + std::string(70, '[') + std::string(70, ']') + "}",
      "17",
      "",
      "]",
      "}",
      "\"",
  };
  for (const Layout layout : kLayouts) {
    for (const std::string& defect : defects) {
      for (const std::size_t place : {std::size_t{0}, std::size_t{1}, std::size_t{62}, std::size_t{79}}) {
        SCOPED_TRACE("defect " + defect + " at " + std::to_string(place));
        std::vector<std::string> list = elements(80);
        list[place] = defect;
        expect_same_as_alone(layout, file_of(layout, list));
      }
    }
  }
}

TEST(PersonsAhead, ATextThatBreaksOffIsToldAsByOneThread) {
  for (const Layout layout : kLayouts) {
    const std::string text = file_of(layout, elements(40));
    for (std::size_t size = text.size() / 2; size < text.size(); size += 61) {
      SCOPED_TRACE(size);
      expect_same_as_alone(layout, text.substr(0, size));
    }
  }
}

// Places that look like the start of an element and are none.
TEST(PersonsAhead, LooksOfAnElementDoNotMislead) {
  const std::string inner = element(500);
  std::string quoted;
  for (const char c : inner + ", " + inner) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
  const std::string extras[] = {
      R"("a": "}, {", )",
      R"("a": "\"}, {\"image_id\": 1}, {\\", )",
      R"("a": "}, )" + quoted + R"(, {", )",
      R"("a": [)" + inner + ", " + inner + ", " + inner + "], ",
      R"("a": [{}, {}, {"b": {}}, {"c": [{}, {}]}], )",
      R"("a": {"b": [)" + inner + ", " + inner + "]}, ",
  };
  for (const Layout layout : kLayouts) {
    for (const std::string& extra : extras) {
      SCOPED_TRACE(extra);
      std::vector<std::string> list;
      for (int i = 0; i < 60; ++i) list.push_back(element(i, i % 3 == 0 ? extra : ""));
      expect_same_as_alone(layout, file_of(layout, list));
      EXPECT_EQ(outcome(layout, file_of(layout, list), false, parts_of(300)).find("error"), std::string::npos);
    }
  }
}

// The exact text of an element within a string: only the reader, who knows that it is in a string, can tell.
TEST(PersonsAhead, AnElementInAStringIsNotRead) {
  std::vector<std::string> list;
  for (int i = 0; i < 60; ++i) list.push_back(R"({"a": "}, {}, {}, {}, {}, {}", "image_id": 1})");
  const std::string text = file_of(Layout::kResults, list);
  JsonCursor cursor(text);
  cursor.enter_array();
  cursor.next_element();
  cursor.skip();
  cursor.next_element();
  const ReadPerson read = [](JsonCursor& at, PersonScratch&, ImagePerson&) { at.skip(); };
  PersonsAhead ahead(text, cursor, read, parts_of(10));
  std::size_t count = 1;
  do {
    const std::size_t taken = ahead.take(cursor, [](ImagePerson&&) {});
    if (taken == 0) cursor.skip();
    count += std::max<std::size_t>(taken, 1);
  } while (cursor.next_element());
  EXPECT_EQ(count, 60u);
}

// Long enough for the defaults, and for used pages of the map to be given back under the threads.
TEST(PersonsAhead, ALargeFileIsReadTheSameFromItsMap) {
  for (const Layout layout : {Layout::kCoco, Layout::kResults}) {
    std::vector<std::string> list = elements(150000);
    list[100000] = R"({"keypoints": [1, 2, 2, 3], "image_id": 1, "score": 1, "id": 900})";
    const std::string text = file_of(layout, list);
    ASSERT_GT(text.size(), AheadOptions().least_bytes);
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("persons_ahead_" + std::to_string(::getpid()) + ".json");
    std::ofstream(path, std::ios::binary) << text;
    std::vector<Skipped> skipped, skipped_alone;
    const ReadOptions options{.lenient = true, .skipped = &skipped}, options_alone{.lenient = true, .skipped = &skipped_alone};
    std::ostringstream got, alone;
    const std::string name = path.string();
    if (layout == Layout::kResults) {
      print(got, read_coco_results(path, options));
      print(alone, parse_results(text, name, options_alone, nullptr, kAlone));
    } else {
      print(got, read_coco(path, options).poses);
      print(alone, parse_coco_like(text, name, CocoLike::kCoco, options_alone, nullptr, kAlone).poses);
    }
    std::filesystem::remove(path);
    EXPECT_TRUE(got.str() == alone.str());
    ASSERT_EQ(skipped.size(), 1u);
    ASSERT_EQ(skipped_alone.size(), 1u);
    EXPECT_EQ(skipped[0].where, skipped_alone[0].where);
    EXPECT_EQ(skipped[0].message, skipped_alone[0].message);
  }
}

}  // namespace
}  // namespace vepe::formats
