#include "formats/posetrack.h"

#include <charconv>

#include "formats/coco_like.h"
#include "formats/joints.h"
#include "formats/json_cursor.h"
#include "formats/mapped_file.h"
#include "formats/posetrack_names.h"
#include "formats/read_support.h"

namespace vepe::formats {
namespace {

using Type = JsonCursor::Type;

// The annolist layout comes from MATLAB structs: a struct array is a list, one struct may stand without the list, and
// an empty one is [] or {}. Calls `read_element` for each object.
template <typename ReadElement>
void for_each_struct(JsonCursor& cursor, const ReadElement& read_element) {
  if (cursor.take_null()) return;
  if (cursor.type() == Type::kObject) {
    read_element();
    return;
  }
  for (cursor.enter_array(); cursor.next_element();) read_element();
}

std::optional<std::int64_t> optional_integer(JsonCursor& cursor, const char* what) {
  const std::optional<double> value = cursor.optional_number(9007199254740992.0, what);
  if (!value) return std::nullopt;
  if (*value != static_cast<double>(static_cast<std::int64_t>(*value))) {
    cursor.fail(std::string(what) + " is not an integer", "write a whole number");
  }
  return static_cast<std::int64_t>(*value);
}

class AnnolistParser {
 public:
  AnnolistParser(std::string_view text, std::string name, const ReadOptions& options, MappedFile* file)
      : cursor_(text, file), name_(std::move(name)), options_(options) {
    sequence_.name = sequence_name(name_);
    sequence_.joint_names = posetrack15().names;
  }

  Sequence run() {
    try {
      read_root();
    } catch (const Error& error) {
      if (sequence_.frames.empty()) throw error.at(name_);
      skip_or_throw(error.at(name_), options_);
    }
    return std::move(sequence_);
  }

 private:
  void read_root() {
    bool found = false;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "images" || key == "annotations") {
        throw Error(ErrorCode::kInput, "", "is in the COCO-like layout, not a PoseTrack17 annolist",
                    "read it as posetrack18 or posetrack21");
      }
      if (key != "annolist") {
        cursor_.skip();
        continue;
      }
      found = true;
      for (cursor_.enter_array(); cursor_.next_element();) read_frame_guarded();
    }
    cursor_.finish();
    if (!found) throw Error(ErrorCode::kInput, "", "has no 'annolist'", "give a PoseTrack17 annotation or prediction file");
  }

  void read_frame_guarded() {
    const JsonCursor::Mark start = cursor_.mark();
    Frame frame;
    frame.index = static_cast<std::int64_t>(sequence_.frames.size());
    try {
      read_frame(frame);
    } catch (const Error& error) {
      const Error located = error.at("frame " + std::to_string(frame.index));
      if (!options_.lenient) throw located;
      // The frame keeps its place, because predictions and annotations are paired by position.
      cursor_.rewind(start);
      cursor_.skip();
      skip_or_throw(located.at(name_), options_);
    }
    sequence_.frames.push_back(std::move(frame));
  }

  void read_frame(Frame& frame) {
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "image") {
        for_each_struct(cursor_, [&] { read_image_name(frame); });
      } else if (key == "annorect") {
        for_each_struct(cursor_, [&] { read_person_guarded(frame); });
      } else if (key == "is_labeled") {
        if (cursor_.type() == Type::kBool) {
          frame.is_labeled = cursor_.boolean();
        } else if (const auto value = cursor_.optional_number(kScoreLimit, "is_labeled"); value) {
          frame.is_labeled = *value != 0;
        }
      } else if (key == "ignore_regions") {
        frame.has_ignore_regions = true;
        for_each_struct(cursor_, [&] { read_region(frame); });
      } else {
        cursor_.skip();
      }
    }
    frame.image_id = posetrack_image_id(frame.file_name).value_or(frame.index);
  }

  void read_image_name(Frame& frame) {
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key != "name") {
        cursor_.skip();
      } else if (cursor_.type() == Type::kArray) {
        for (cursor_.enter_array(); cursor_.next_element();) frame.file_name = cursor_.string();
      } else {
        frame.file_name = cursor_.string();
      }
    }
  }

  void read_region(Frame& frame) {
    Polygon polygon;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "point") {
        for_each_struct(cursor_, [&] { read_corner(polygon); });
      } else {
        cursor_.skip();
      }
    }
    frame.ignore_regions.push_back(std::move(polygon));
  }

  void read_corner(Polygon& polygon) {
    std::optional<double> x, y;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "x" || key == "y") {
        (key == "x" ? x : y) = cursor_.optional_number(kCoordinateLimit, "a corner of an ignore region");
      } else {
        cursor_.skip();
      }
    }
    if (!x || !y) cursor_.fail("a corner of an ignore region has no x or y", "give both");
    polygon.points.emplace_back(*x, *y);
  }

  void read_person_guarded(Frame& frame) {
    const JsonCursor::Mark start = cursor_.mark();
    const std::size_t position = frame.persons.size();
    try {
      Person person = read_person();
      if (person_is_struct_) frame.persons.push_back(std::move(person));
    } catch (const Error& error) {
      const Error located = error.at("person " + std::to_string(position));
      if (!options_.lenient) throw located;
      cursor_.rewind(start);
      cursor_.skip();
      skip_or_throw(located.at(name_ + ": frame " + std::to_string(frame.index)), options_);
    }
  }

  Person read_person() {
    Person person;
    std::optional<double> corners[4];  // x1, y1, x2, y2
    std::string_view key;
    person_is_struct_ = false;  // `annorect: {}` is how an empty struct array is written
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      person_is_struct_ = true;
      if (key.size() == 2 && (key[0] == 'x' || key[0] == 'y') && (key[1] == '1' || key[1] == '2')) {
        corners[(key[1] - '1') * 2 + (key[0] - 'x')] = cursor_.optional_number(kCoordinateLimit, "the head box");
      } else if (key == "track_id") {
        person.track_id = optional_integer(cursor_, "track_id");
      } else if (key == "score") {
        person.score = cursor_.optional_number(kScoreLimit, "score");
      } else if (key == "annopoints") {
        for_each_struct(cursor_, [&] { read_annopoints(person); });
      } else {
        cursor_.skip();
      }
    }
    const int given = corners[0].has_value() + corners[1].has_value() + corners[2].has_value() + corners[3].has_value();
    if (given == 4) {
      person.head_box = Box{*corners[0], *corners[1], *corners[2] - *corners[0], *corners[3] - *corners[1]};
    } else if (given != 0) {
      cursor_.fail("the head box has " + std::to_string(given) + " of x1, y1, x2, y2", "give all four or none");
    }
    return person;
  }

  void read_annopoints(Person& person) {
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key != "point") {
        cursor_.skip();
        continue;
      }
      person.keypoints.resize(posetrack15().names.size());
      for_each_struct(cursor_, [&] { read_point(person); });
    }
  }

  void read_point(Person& person) {
    std::optional<std::int64_t> id;
    std::optional<double> x, y, score, visible;
    bool empty = true;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      empty = false;
      if (key == "id") {
        id = optional_integer(cursor_, "a joint id");
      } else if (key == "x" || key == "y") {
        (key == "x" ? x : y) = cursor_.optional_number(kCoordinateLimit, "a coordinate");
      } else if (key == "score") {
        score = cursor_.optional_number(kScoreLimit, "a keypoint score");
      } else if (key == "is_visible" && cursor_.type() != Type::kString) {
        visible = cursor_.optional_number(kScoreLimit, "is_visible");
      } else {
        cursor_.skip();
      }
    }
    if (empty) return;
    if (!id || !x || !y) cursor_.fail("a point has no id, x or y", "give all three");
    if (*id < 0 || *id >= static_cast<std::int64_t>(person.keypoints.size())) {
      cursor_.fail("joint id " + std::to_string(*id) + " is not in 0..14", "use PoseTrack17's ids: 0 right ankle .. 14 head top");
    }
    Keypoint& keypoint = person.keypoints[static_cast<std::size_t>(*id)];
    if (keypoint.present) cursor_.fail("joint id " + std::to_string(*id) + " is given twice", "give every joint of a person once");
    keypoint = {.x = *x,
                .y = *y,
                .score = score.value_or(kNoScore),
                .visibility = static_cast<float>(visible.value_or(1)),
                .present = true};
  }

  JsonCursor cursor_;
  std::string name_;
  const ReadOptions& options_;
  Sequence sequence_;
  bool person_is_struct_ = false;
};

Sequence parse_layout(std::string_view text, const std::string& name, PoseTrackLayout layout, const ReadOptions& options,
                      MappedFile* file) {
  if (layout == PoseTrackLayout::kPoseTrack17) return AnnolistParser(text, name, options, file).run();
  return parse_coco_like(text, name, CocoLike::kPoseTrack, options, file).poses;
}

std::optional<std::int64_t> digits_value(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::int64_t make_posetrack_image_id(std::string_view sequence, std::int64_t frame) {
  const std::int64_t source = sequence.find("_mpiinew") != std::string_view::npos ? 3
                              : sequence.find("_bonn") != std::string_view::npos  ? 2
                                                                                  : 1;
  const std::int64_t video = digits_value(sequence.substr(0, sequence.find('_'))).value_or(1) % 1000000;
  return source * 10000000000 + video * 10000 + frame;
}

std::optional<std::int64_t> posetrack_image_id(std::string_view file_name) {
  const std::size_t slash = file_name.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string_view folder = file_name.substr(0, slash);
  const std::string_view file = file_name.substr(slash + 1);
  if (const std::size_t parent = folder.rfind('/'); parent != std::string_view::npos) folder.remove_prefix(parent + 1);
  const auto frame = digits_value(file.substr(0, file.find('.')));
  const auto video = digits_value(folder.substr(0, folder.find('_')));
  if (!frame || !video || *frame > 9999 || *video > 999999) return std::nullopt;
  return make_posetrack_image_id(folder, *frame);
}

Sequence read_posetrack(const std::filesystem::path& path, PoseTrackLayout layout, const ReadOptions& options) {
  MappedFile file(path);
  return parse_layout(file.text(), path.string(), layout, options, &file);
}

Sequence parse_posetrack(std::string_view text, const std::string& name, PoseTrackLayout layout, const ReadOptions& options) {
  return parse_layout(text, name, layout, options, nullptr);
}

PoseTrackLayout detect_posetrack_layout(const std::filesystem::path& path) {
  MappedFile file(path);
  JsonCursor cursor(file.text());
  try {
    std::string_view key;
    cursor.enter_object();
    const bool annolist = cursor.next_member(key) && key == "annolist";
    return annolist ? PoseTrackLayout::kPoseTrack17 : PoseTrackLayout::kPoseTrack18;
  } catch (const Error& error) {
    throw error.at(path.string());
  }
}

}  // namespace vepe::formats
