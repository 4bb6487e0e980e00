#include "formats/jsonl.h"

#include "formats/coco_like.h"
#include "formats/joints.h"
#include "formats/json_cursor.h"
#include "formats/mapped_file.h"
#include "formats/read_support.h"
#include "formats/text_lines.h"

namespace vepe::formats {
namespace {

constexpr std::size_t kMaxEmbedding = 65536;

class JsonLinesParser {
 public:
  explicit JsonLinesParser(Sequence& sequence) : sequence_(sequence) {}

  void read_line(std::string_view line) {
    JsonCursor cursor(line);
    Frame frame;
    std::vector<std::string> joints;
    bool has_index = false, has_people = false;
    std::string_view key;
    for (cursor.enter_object(); cursor.next_member(key);) {
      if (key == "index") {
        frame.index = cursor.integer();
        has_index = true;
      } else if (key == "pts") {
        if (!cursor.take_null()) frame.pts_seconds = cursor.number_within(1e12, "pts");
      } else if (key == "width") {
        frame.width = small_int(cursor, "width");
      } else if (key == "height") {
        frame.height = small_int(cursor, "height");
      } else if (key == "image_id") {
        frame.image_id = cursor.integer();
      } else if (key == "file_name") {
        frame.file_name = cursor.string();
      } else if (key == "joints") {
        for (cursor.enter_array(); cursor.next_element();) joints.push_back(cursor.string());
      } else if (key == "people") {
        has_people = true;
        for (cursor.enter_array(); cursor.next_element();) frame.persons.push_back(read_person(cursor));
      } else {
        cursor.skip();
      }
    }
    cursor.finish();
    if (!has_index) cursor.fail("the frame has no 'index'", "write index, pts, width, height and people on every line");
    if (!has_people) cursor.fail("the frame has no 'people'", "write an empty list when nobody is there");
    check(cursor, frame, joints);
    sequence_.frames.push_back(std::move(frame));
  }

 private:
  void check(const JsonCursor& cursor, const Frame& frame, std::vector<std::string>& joints) {
    if (frame.index < 0) cursor.fail("frame index " + std::to_string(frame.index) + " is negative", "count frames from 0");
    if (!sequence_.frames.empty() && frame.index <= sequence_.frames.back().index) {
      cursor.fail("frame " + std::to_string(frame.index) + " follows frame " + std::to_string(sequence_.frames.back().index),
                  "write every frame once, in order");
    }
    if (!joints.empty()) {
      if (!sequence_.joint_names.empty() && joints != sequence_.joint_names) {
        cursor.fail("the joints differ from those of the lines before", "use one set of joints in a file");
      }
      sequence_.joint_names = std::move(joints);
    }
    for (const Person& person : frame.persons) {
      if (person.keypoints.empty()) continue;
      if (sequence_.joint_names.empty()) sequence_.joint_names = names_by_count(cursor, person.keypoints.size());
      if (person.keypoints.size() != sequence_.joint_names.size()) {
        cursor.fail(std::to_string(person.keypoints.size()) + " keypoints, but the file has " +
                        std::to_string(sequence_.joint_names.size()) + " joints",
                    "give every person all joints, null for those that are absent");
      }
    }
  }

  static std::vector<std::string> names_by_count(const JsonCursor& cursor, std::size_t count) {
    if (count == 17) return coco17().names;
    if (count == 15) return posetrack15().names;
    if (count == 14) return crowdpose14().names;
    cursor.fail(std::to_string(count) + " keypoints without names", "name them on the first line: \"joints\": [..]");
  }

  static Person read_person(JsonCursor& cursor) {
    Person person;
    std::string_view key;
    for (cursor.enter_object(); cursor.next_member(key);) {
      if (key == "id") {
        if (!cursor.take_null()) person.track_id = cursor.integer();
      } else if (key == "score") {
        if (!cursor.take_null()) person.score = cursor.number_within(kScoreLimit, "score");
      } else if (key == "bbox") {
        person.bbox = read_box(cursor, "bbox");
      } else if (key == "keypoints") {
        if (cursor.take_null()) continue;
        for (cursor.enter_array(); cursor.next_element();) person.keypoints.push_back(read_keypoint(cursor));
      } else if (key == "embedding") {
        if (cursor.take_null()) continue;
        for (cursor.enter_array(); cursor.next_element();) {
          if (person.embedding.size() == kMaxEmbedding)
            cursor.fail("the embedding has more than 65536 numbers", "check the writer");
          person.embedding.push_back(static_cast<float>(cursor.number_within(1e30, "the embedding")));
        }
      } else {
        cursor.skip();
      }
    }
    return person;
  }

  static Keypoint read_keypoint(JsonCursor& cursor) {
    if (cursor.take_null()) return {};
    double values[3] = {0, 0, kNoScore};
    int count = 0;
    for (cursor.enter_array(); cursor.next_element(); ++count) {
      const double value = cursor.number_within(kCoordinateLimit, "a keypoint value");
      if (count < 3) values[count] = value;
    }
    if (count != 2 && count != 3) cursor.fail("a keypoint has " + std::to_string(count) + " numbers", "write x, y, score");
    return {.x = values[0], .y = values[1], .score = values[2], .visibility = 1, .present = true};
  }

  Sequence& sequence_;
};

Sequence parse(std::string_view text, const std::string& name, const ReadOptions& options, MappedFile* file) {
  Sequence sequence;
  sequence.name = sequence_name(name);
  JsonLinesParser parser(sequence);
  TextLines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (is_blank(line)) continue;
    try {
      parser.read_line(line);
    } catch (const Error& error) {
      skip_or_throw(error.at(name + ": line " + std::to_string(lines.number())), options);
    }
    if (file != nullptr) file->release_before(static_cast<std::size_t>(line.data() - text.data()));
  }
  return sequence;
}

}  // namespace

Sequence read_jsonl(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile file(path);
  return parse(file.text(), path.string(), options, &file);
}

Sequence parse_jsonl(std::string_view text, const std::string& name, const ReadOptions& options) {
  return parse(text, name, options, nullptr);
}

}  // namespace vepe::formats
