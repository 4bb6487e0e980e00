#include "formats/coco.h"

#include <unordered_map>

#include "core/heap_pages.h"
#include "formats/coco_like.h"
#include "formats/joints.h"
#include "formats/json_cursor.h"
#include "formats/mapped_file.h"
#include "formats/persons_ahead.h"
#include "formats/read_support.h"

namespace vepe::formats {
namespace {

// `joint_count` of the results before, 0 for the first one.
void read_result(JsonCursor& cursor, std::size_t joint_count, std::vector<double>& scratch, ImagePerson& result) {
  bool has_image = false, has_score = false;
  std::string_view key;
  for (cursor.enter_object(); cursor.next_member(key);) {
    if (key == "image_id") {
      result.image_id = cursor.integer();
      has_image = true;
    } else if (key == "keypoints") {
      result.has_keypoints = true;
      read_keypoint_triples(cursor, true, scratch, result.person.keypoints);
    } else if (key == "score") {
      has_score = true;
      result.person.score = cursor.number_within(kScoreLimit, "score");
    } else if (key == "bbox") {
      result.person.bbox = read_box(cursor, "bbox");
    } else if (key == "category_id") {
      result.person.category_id = small_int(cursor, "category_id");
    } else if (key == "track_id") {
      if (!cursor.take_null()) result.person.track_id = cursor.integer();
    } else if (key == "id") {
      if (!cursor.take_null()) result.person.id = cursor.integer();
    } else {
      cursor.skip();
    }
  }
  if (!has_image) cursor.fail("the result has no 'image_id'", "name the image of every result");
  if (!result.has_keypoints || result.person.keypoints.empty())
    cursor.fail("the result has no 'keypoints'", "keypoint results need them; box results are another format");
  if (!has_score) cursor.fail("the result has no 'score'", "give every result a score");
  if (joint_count != 0 && result.person.keypoints.size() != joint_count) {
    cursor.fail(
        std::to_string(result.person.keypoints.size()) + " keypoints, but the results before have " + std::to_string(joint_count),
        "give every result the same joints");
  }
}

class ResultList {
 public:
  ResultList(const std::string& name, std::size_t text_bytes) : heap_(2 * text_bytes) { sequence_.name = sequence_name(name); }

  void add(ImagePerson&& result) {
    const auto [entry, is_new] = frame_of_image_.emplace(result.image_id, sequence_.frames.size());
    if (is_new) {
      Frame& frame = sequence_.frames.emplace_back();
      frame.index = static_cast<std::int64_t>(entry->second);
      frame.image_id = result.image_id;
    }
    joint_count_ = result.person.keypoints.size();
    heap_.reached(result.person.keypoints.data());
    std::vector<Person>& persons = sequence_.frames[entry->second].persons;
    persons.push_back(std::move(result.person));
    heap_.reached(persons.data());
  }
  std::size_t joint_count() const { return joint_count_; }

  // Results do not name their joints: known sizes get their names, others numbers.
  Sequence finish() {
    if (joint_count_ == 17 || joint_count_ == 0) {
      sequence_.joint_names = coco17().names;
    } else if (joint_count_ == 15) {
      sequence_.joint_names = posetrack21_kit().names;
    } else if (joint_count_ == 14) {
      sequence_.joint_names = crowdpose14().names;
    } else {
      for (std::size_t i = 0; i < joint_count_; ++i) sequence_.joint_names.push_back("joint_" + std::to_string(i));
    }
    return std::move(sequence_);
  }

 private:
  GrowingHeap heap_;
  Sequence sequence_;
  std::unordered_map<std::int64_t, std::size_t> frame_of_image_;
  std::size_t joint_count_ = 0;
};

}  // namespace

Sequence parse_results(std::string_view text, const std::string& name, const ReadOptions& options, MappedFile* file,
                       AheadOptions ahead_options) {
  if (ahead_options.threads == 0) ahead_options.threads = options.threads;
  JsonCursor cursor(text, file);
  ResultList list(name, text.size());
  std::optional<PersonsAhead> ahead;
  std::size_t position = 0;
  PersonScratch scratch;
  try {
    if (cursor.type() == JsonCursor::Type::kObject) {
      throw Error(ErrorCode::kInput, "", "is an object, but COCO results are a list", "read it as coco, or give the results file");
    }
    for (cursor.enter_array(); cursor.next_element(); ++position) {
      if (!ahead && list.joint_count() != 0) {
        const auto read = [joint_count = list.joint_count()](JsonCursor& at, PersonScratch& buffers, ImagePerson& result) {
          read_result(at, joint_count, buffers.keypoints, result);
        };
        ahead.emplace(text, cursor, read, ahead_options);
      }
      if (const std::size_t taken = ahead ? ahead->take(cursor, [&](ImagePerson&& result) { list.add(std::move(result)); }) : 0;
          taken != 0) {
        position += taken - 1;
        continue;
      }
      const JsonCursor::Mark start = cursor.mark();
      try {
        ImagePerson result;
        read_result(cursor, list.joint_count(), scratch.keypoints, result);
        list.add(std::move(result));
      } catch (const Error& error) {
        const Error located = error.at("result " + std::to_string(position));
        if (!options.lenient) throw located;
        cursor.rewind(start);
        cursor.skip();
        skip_or_throw(located.at(name), options);
      }
    }
    cursor.finish();
  } catch (const Error& error) {
    if (list.joint_count() == 0) throw error.at(name);
    skip_or_throw(error.at(name), options);
  }
  return list.finish();
}

CocoDataset read_coco(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile file(path);
  return parse_coco_like(file.text(), path.string(), CocoLike::kCoco, options, &file);
}

CocoDataset parse_coco(std::string_view text, const std::string& name, const ReadOptions& options) {
  return parse_coco_like(text, name, CocoLike::kCoco, options);
}

Sequence read_coco_results(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile file(path);
  return parse_results(file.text(), path.string(), options, &file);
}

Sequence parse_coco_results(std::string_view text, const std::string& name, const ReadOptions& options) {
  return parse_results(text, name, options);
}

}  // namespace vepe::formats
