#include "formats/coco_like.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "core/heap_pages.h"
#include "formats/joints.h"
#include "formats/json_cursor.h"
#include "formats/mapped_file.h"
#include "formats/persons_ahead.h"
#include "formats/read_support.h"

namespace vepe::formats {
namespace {

using Type = JsonCursor::Type;

struct Category {
  std::int64_t id = 1;
  std::vector<std::string> joints;
};

std::pair<double, double> read_point(JsonCursor& cursor, const char* what) {
  std::vector<double> values;
  read_numbers(cursor, kCoordinateLimit, what, values);
  if (values.size() != 2) cursor.fail(std::string(what) + " is not a pair x, y", "write two numbers");
  return {values[0], values[1]};
}

// One list of coordinates for each polygon, or one flat list for a single polygon.
void read_polygon_axis(JsonCursor& cursor, std::vector<std::vector<double>>& axis) {
  axis.clear();
  if (cursor.take_null()) return;
  bool flat = false;
  for (cursor.enter_array(); cursor.next_element();) {
    if (cursor.type() == Type::kArray) {
      if (flat) cursor.fail("ignore_regions mixes numbers and lists", "write one list of numbers for each polygon");
      read_numbers(cursor, kCoordinateLimit, "a corner of an ignore region", axis.emplace_back());
    } else {
      if (!flat && !axis.empty())
        cursor.fail("ignore_regions mixes numbers and lists", "write one list of numbers for each polygon");
      if (!flat) axis.emplace_back();
      flat = true;
      axis.back().push_back(cursor.number_within(kCoordinateLimit, "a corner of an ignore region"));
    }
  }
}

bool* flag_of(std::string_view key, Person& person) {
  if (key == "iscrowd") return &person.is_crowd;
  if (key == "iscrowd_unknown") return &person.crowd_unknown;
  if (key == "area_estimated") return &person.area_estimated;
  if (key == "bbox_estimated") return &person.bbox_estimated;
  return nullptr;
}

bool read_annotation_field(JsonCursor& cursor, std::string_view key, Person& person) {
  if (key == "id") {
    person.id = cursor.integer();
  } else if (key == "bbox") {
    person.bbox = read_box(cursor, "bbox");
  } else if (key == "bbox_head") {
    person.head_box = read_box(cursor, "bbox_head");
  } else if (key == "track_id") {
    if (!cursor.take_null()) person.track_id = cursor.integer();
  } else if (key == "person_id") {
    if (!cursor.take_null()) person.person_id = cursor.integer();
  } else if (key == "score") {
    if (!cursor.take_null()) person.score = cursor.number_within(kScoreLimit, "score");
  } else if (key == "area") {
    if (!cursor.take_null()) person.area = cursor.number_within(1e18, "area");
  } else if (key == "num_keypoints") {
    person.num_keypoints = small_int(cursor, "num_keypoints");
  } else if (key == "category_id") {
    person.category_id = small_int(cursor, "category_id");
  } else if (bool* flag = flag_of(key, person); flag != nullptr) {
    *flag = cursor.boolean();
  } else {
    return false;
  }
  return true;
}

void read_annotation(JsonCursor& cursor, CocoLike rules, PersonScratch& scratch, ImagePerson& found) {
  Person& person = found.person;
  bool has_image = false;
  std::string_view key;
  scratch.scores.clear();
  for (cursor.enter_object(); cursor.next_member(key);) {
    if (key == "keypoints") {
      read_keypoint_triples(cursor, false, scratch.keypoints, person.keypoints);
      found.has_keypoints = true;
    } else if (key == "image_id") {
      found.image_id = cursor.integer();
      has_image = true;
    } else if (key == "scores") {
      read_numbers(cursor, kScoreLimit, "a keypoint score", scratch.scores);
    } else if (!read_annotation_field(cursor, key, person)) {
      cursor.skip();
    }
  }
  if (!has_image) cursor.fail("the annotation has no 'image_id'", "name the image of every annotation");
  if (!found.has_keypoints && rules == CocoLike::kPoseTrack) {
    cursor.fail("the annotation has no 'keypoints'", "PoseTrack needs an array of x, y, visibility for each joint");
  }
  const std::vector<double>& scores = scratch.scores;
  if (!scores.empty() && scores.size() != person.keypoints.size()) {
    cursor.fail(std::to_string(scores.size()) + " scores for " + std::to_string(person.keypoints.size()) + " keypoints",
                "give one score for each keypoint, or an empty list");
  }
  for (std::size_t i = 0; i < scores.size(); ++i) person.keypoints[i].score = scores[i];
}

class Parser {
 public:
  Parser(std::string_view text, std::string name, CocoLike rules, const ReadOptions& options, MappedFile* file,
         const AheadOptions& ahead_options)
      : text_(text),
        cursor_(text, file),
        heap_(2 * text.size()),
        name_(std::move(name)),
        rules_(rules),
        options_(options),
        ahead_options_(ahead_options) {
    data_.poses.name = sequence_name(name_);
  }

  CocoDataset run() {
    try {
      read_root();
    } catch (const Error& error) {
      const Error located = error.where().starts_with(name_) ? error : error.at(name_);
      if (data_.poses.frames.empty()) throw located;
      skip_or_throw(located, options_);
      broken_ = options_.lenient;
    }
    require_lists();
    choose_joints();
    attach_pending();
    check_persons();
    return std::move(data_);
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& message, const std::string& remedy) const {
    throw Error(ErrorCode::kInput, place.empty() ? name_ : name_ + ": " + place, message, remedy);
  }

  void read_root() {
    if (cursor_.type() == Type::kArray) {
      fail("", "is a list, not an annotation file", "read it as coco-results, or give the file with images and annotations");
    }
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "annolist") fail("", "is a PoseTrack17 annolist", "read it as posetrack17");
      if (key == "images") {
        has_images_ = true;
        read_list("images", [this] { read_image(); });
      } else if (key == "annotations") {
        has_annotations_ = true;
        read_annotations();
      } else if (key == "categories") {
        read_list("categories", [this] { read_category(); });
      } else if (key == "info" && cursor_.type() == Type::kObject) {
        read_info();
      } else {
        cursor_.skip();
      }
    }
    cursor_.finish();
  }

  void read_info() {
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "description" && cursor_.type() == Type::kString) {
        data_.description = cursor_.string();
      } else if (key == "bystanders" && cursor_.type() == Type::kString) {
        data_.bystanders = cursor_.string();
      } else {
        cursor_.skip();
      }
    }
  }

  template <typename ReadElement>
  void read_list(const char* list, const ReadElement& read_element) {
    std::size_t position = 0;
    for (cursor_.enter_array(); cursor_.next_element(); ++position) read_guarded(list, position, read_element);
  }

  void read_annotations() {
    const ReadPerson read = [rules = rules_](JsonCursor& cursor, PersonScratch& scratch, ImagePerson& found) {
      read_annotation(cursor, rules, scratch, found);
    };
    std::optional<PersonsAhead> ahead;
    std::size_t position = 0;
    for (cursor_.enter_array(); cursor_.next_element(); ++position) {
      if (position == 1) ahead.emplace(text_, cursor_, read, ahead_options_);
      const std::size_t taken = ahead ? ahead->take(cursor_, [this](ImagePerson&& found) { add(std::move(found)); }) : 0;
      if (taken == 0) {
        read_guarded("annotations", position, [&] { read_one_annotation(read); });
      } else {
        position += taken - 1;
      }
    }
  }

  template <typename ReadElement>
  void read_guarded(const char* list, std::size_t position, const ReadElement& read_element) {
    const JsonCursor::Mark start = cursor_.mark();
    try {
      read_element();
    } catch (const Error& error) {
      cursor_.rewind(start);
      const Error located = error.at(name_ + ": " + describe_element(list, position));
      if (!options_.lenient) throw located;
      cursor_.rewind(start);
      cursor_.skip();  // throws when it was not the content but the JSON that is wrong
      skip_or_throw(located, options_);
    }
  }

  // "annotation 17 (image 4)" if the ids can be read, otherwise "annotations[3]".
  std::string describe_element(const char* list, std::size_t position) {
    std::optional<std::int64_t> id, image_id;
    try {
      std::string_view key;
      for (cursor_.enter_object(); cursor_.next_member(key);) {
        if (key == "id") {
          id = cursor_.integer();
        } else if (key == "image_id") {
          image_id = cursor_.integer();
        } else {
          cursor_.skip();
        }
      }
    } catch (const Error&) {  // what was found until here has to do
    }
    const std::string_view kind(list);
    std::string text = id ? std::string(kind.substr(0, kind.size() - 1)) + " " + std::to_string(*id)
                          : std::string(kind) + "[" + std::to_string(position) + "]";
    if (image_id) text += " (image " + std::to_string(*image_id) + ")";
    return text;
  }

  void read_category() {
    Category category;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "id") {
        category.id = cursor_.integer();
      } else if (key == "keypoints") {
        for (cursor_.enter_array(); cursor_.next_element();) category.joints.push_back(cursor_.string());
        if (category.joints.size() > kMaxJoints) cursor_.fail("more than 4096 keypoint names", "check what this file is");
      } else {
        cursor_.skip();
      }
    }
    categories_.push_back(std::move(category));
  }

  void read_image() {
    Frame frame;
    bool has_id = false;
    std::vector<std::vector<double>> xs, ys;
    std::string_view key;
    for (cursor_.enter_object(); cursor_.next_member(key);) {
      if (key == "id") {
        frame.image_id = cursor_.integer();
        has_id = true;
      } else if (key == "file_name") {
        frame.file_name = cursor_.string();
      } else if (key == "width") {
        frame.width = small_int(cursor_, "width");
      } else if (key == "height") {
        frame.height = small_int(cursor_, "height");
      } else if (key == "ignore_regions_x" || key == "ignore_regions_y") {
        frame.has_ignore_regions = true;
        read_polygon_axis(cursor_, key.back() == 'x' ? xs : ys);
      } else if (!read_image_extra(key, frame)) {
        cursor_.skip();
      }
    }
    if (!has_id) cursor_.fail("the image has no 'id'", "give every image an id");
    set_regions(xs, ys, frame);
    frame.index = static_cast<std::int64_t>(data_.poses.frames.size());
    if (!frame_of_image_.emplace(frame.image_id, data_.poses.frames.size()).second) {
      cursor_.fail("image id " + std::to_string(frame.image_id) + " is given twice", "give every image its own id");
    }
    data_.poses.frames.push_back(std::move(frame));
  }

  bool read_image_extra(std::string_view key, Frame& frame) {
    if (key == "is_labeled") {
      frame.is_labeled = cursor_.boolean();
    } else if (key == "frame_id") {
      frame.frame_id = cursor_.integer();
    } else if (key == "nframes") {
      frame.frame_count = cursor_.integer();
    } else if (key == "vid_id") {
      frame.video_id = cursor_.type() == Type::kString ? cursor_.string() : std::to_string(cursor_.integer());
    } else if (key == "labels" && cursor_.type() == Type::kString) {
      frame.labels = cursor_.string();
    } else if (key == "original_width") {
      frame.original_width = small_int(cursor_, "original_width");
    } else if (key == "original_height") {
      frame.original_height = small_int(cursor_, "original_height");
    } else if (key == "neck" || key == "head_top") {
      if (!cursor_.take_null()) (key == "neck" ? frame.neck : frame.head_top) = read_point(cursor_, "a joint of the image");
    } else {
      return false;
    }
    return true;
  }

  void set_regions(const std::vector<std::vector<double>>& xs, const std::vector<std::vector<double>>& ys, Frame& frame) {
    bool fits = xs.size() == ys.size();
    for (std::size_t i = 0; fits && i < xs.size(); ++i) {
      fits = xs[i].size() == ys[i].size();
      Polygon polygon;
      for (std::size_t k = 0; fits && k < xs[i].size(); ++k) polygon.points.emplace_back(xs[i][k], ys[i][k]);
      frame.ignore_regions.push_back(std::move(polygon));
    }
    if (!fits) cursor_.fail("ignore_regions_x and ignore_regions_y differ in length", "give every corner an x and a y");
  }

  void read_one_annotation(const ReadPerson& read) {
    ImagePerson found;
    try {
      read(cursor_, scratch_, found);
    } catch (const Error&) {
      if (found.has_keypoints) joint_count_ = found.person.keypoints.size();
      throw;
    }
    add(std::move(found));
  }

  void add(ImagePerson&& found) {
    if (found.has_keypoints) joint_count_ = found.person.keypoints.size();
    heap_.reached(found.person.keypoints.data());
    if (const auto frame = frame_of_image_.find(found.image_id); frame != frame_of_image_.end()) {
      std::vector<Person>& persons = data_.poses.frames[frame->second].persons;
      persons.push_back(std::move(found.person));
      heap_.reached(persons.data());
    } else {
      pending_.emplace_back(found.image_id, std::move(found.person));  // the images may follow
    }
  }

  void require_lists() const {
    if (broken_) return;
    if (!has_images_) fail("", "has no 'images'", "give an annotation file in the COCO layout");
    if (!has_annotations_) fail("", "has no 'annotations'", "give an annotation file in the COCO layout");
  }

  void choose_joints() {
    if (rules_ == CocoLike::kPoseTrack) {
      data_.poses.joint_names = categories_.empty() ? posetrack18().names : categories_.front().joints;
      if (data_.poses.joint_names.empty())
        fail("categories[0]", "names no keypoints", "list the joint names in categories[0].keypoints");
      return;
    }
    for (const Category& category : categories_) {
      if (category.joints.empty()) continue;
      data_.poses.joint_names = category.joints;
      person_category_ = category.id;
      return;
    }
    if (joint_count_ == 0) return;  // boxes only
    if (joint_count_ == 17) {
      data_.poses.joint_names = coco17().names;
      return;
    }
    fail("categories", "no category names its keypoints", "add a person category with the list 'keypoints'");
  }

  void attach_pending() {
    for (auto& [image_id, person] : pending_) {
      const auto found = frame_of_image_.find(image_id);
      if (found != frame_of_image_.end()) {
        data_.poses.frames[found->second].persons.push_back(std::move(person));
        continue;
      }
      const std::string place = person.id ? "annotation " + std::to_string(*person.id) : "annotations";
      skip_or_throw(Error(ErrorCode::kInput, name_ + ": " + place, "image id " + std::to_string(image_id) + " is not in 'images'",
                          "add the image or leave the annotation out; --lenient skips it"),
                    options_);
    }
    pending_.clear();
  }

  // What can only be judged when the whole file is known: other categories, pose sizes, repeated ids.
  void check_persons() {
    std::vector<std::int64_t> ids;
    for (Frame& frame : data_.poses.frames) {
      std::erase_if(frame.persons, [&](const Person& person) {
        if (person_category_ && person.category_id != *person_category_) return true;
        if (person.keypoints.empty() || person.keypoints.size() == data_.poses.joint_names.size()) {
          if (rules_ == CocoLike::kCoco && person.id) ids.push_back(*person.id);
          return false;
        }
        const std::string place = person.id ? ": annotation " + std::to_string(*person.id) : "";
        skip_or_throw(Error(ErrorCode::kInput, name_ + place + " (image " + std::to_string(frame.image_id) + ")",
                            std::to_string(person.keypoints.size()) + " keypoints, but the category names " +
                                std::to_string(data_.poses.joint_names.size()),
                            "give x, y and visibility for every joint; --lenient skips the annotation"),
                      options_);
        return true;
      });
    }
    std::sort(ids.begin(), ids.end());
    const auto repeated = std::adjacent_find(ids.begin(), ids.end());
    if (repeated == ids.end()) return;
    skip_or_throw(Error(ErrorCode::kInput, name_ + ": annotation " + std::to_string(*repeated), "the annotation id is given twice",
                        "give every annotation its own id"),
                  options_);
  }

  std::string_view text_;
  JsonCursor cursor_;
  GrowingHeap heap_;
  std::string name_;
  CocoLike rules_;
  const ReadOptions& options_;
  const AheadOptions& ahead_options_;
  CocoDataset data_;
  std::vector<Category> categories_;
  std::optional<std::int64_t> person_category_;
  std::unordered_map<std::int64_t, std::size_t> frame_of_image_;
  std::vector<std::pair<std::int64_t, Person>> pending_;
  PersonScratch scratch_;
  std::size_t joint_count_ = 0;  // of the last annotation
  bool has_images_ = false, has_annotations_ = false, broken_ = false;
};

}  // namespace

std::string sequence_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const char* suffix : {".json", ".jsonl", ".csv", ".txt"}) {
    if (name.ends_with(suffix)) {
      name.resize(name.size() - std::string_view(suffix).size());
      break;
    }
  }
  for (const char* suffix : {".posetrack", ".mot"}) {
    if (name.ends_with(suffix) && name.size() > std::string_view(suffix).size())
      name.resize(name.size() - std::string_view(suffix).size());
  }
  return name;
}

CocoDataset parse_coco_like(std::string_view text, const std::string& name, CocoLike rules, const ReadOptions& options,
                            MappedFile* file, AheadOptions ahead) {
  if (ahead.threads == 0) ahead.threads = options.threads;
  return Parser(text, name, rules, options, file, ahead).run();
}

}  // namespace vepe::formats
