#include "core/error.h"
#include "formats/coco.h"
#include "formats/joints.h"
#include "formats/posetrack_names.h"
#include "formats/text_sink.h"
#include "formats/writer_support.h"

namespace vepe::formats {
namespace {

constexpr double kAreaOfBox = 0.52;  // median ratio of a person's segment to its box in COCO

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// COCO annotations, PoseTrack18 and PoseTrack21. Annotations go straight to the file; the images, of which PoseTrack
// must know the number, are spooled and follow at the end (the order of keys has no meaning in JSON).
class CocoLikeWriter : public PredictionWriter {
 public:
  CocoLikeWriter(Format format, const std::filesystem::path& path, const WriterOptions& options)
      : format_(format),
        sink_(path),
        images_(folder_of(path)),
        options_(options),
        joints_(options.joint_names, chosen_joints(format, options)) {
    sink_.text("{");
    if (!options.description.empty() || !options.bystanders.empty()) write_info();
    write_category();
    sink_.text("\"annotations\": [");
  }

  void write(const Frame& frame) override {
    const std::int64_t image_id = image_id_of(frame);
    try {
      write_image(frame, image_id);
      for (std::size_t i = 0; i < frame.persons.size(); ++i) {
        const Person& person = frame.persons[i];
        // A point list that is missing has no counterpart here; a box has.
        if (posetrack() && person.keypoints.empty() && !person.bbox) continue;
        write_annotation(person, image_id, i);
      }
    } catch (const Error& error) {
      throw error.at(sink_.path().string() + ": frame " + std::to_string(frame.index));
    }
    sink_.flush_if_large();
  }

  void close() override {
    sink_.text("\n],\n\"images\": [\n");
    const std::string suffix = posetrack() ? ", \"nframes\": " + std::to_string(images_.count()) + "}" : "}";
    images_.copy_to(sink_, suffix);
    sink_.text("\n]}\n");
    sink_.commit();
  }

 private:
  bool posetrack() const { return format_ != Format::kCoco; }

  std::int64_t image_id_of(const Frame& frame) const {
    if (frame.image_id != 0) return frame.image_id;
    if (!posetrack()) return frame.index + 1;
    return make_posetrack_image_id(options_.sequence_name, frame.index);
  }

  void write_info() {
    sink_.text("\"info\": {\"description\": ").quoted(options_.description);
    if (!options_.bystanders.empty()) sink_.text(", \"bystanders\": ").quoted(options_.bystanders);
    sink_.text("},\n");
  }

  void write_category() {
    sink_.text("\"categories\": [{\"supercategory\": \"person\", \"id\": 1, \"name\": \"person\", \"keypoints\": [");
    for (std::size_t i = 0; i < joints_.names().size(); ++i) sink_.text(i == 0 ? "" : ", ").quoted(joints_.names()[i]);
    sink_.text("], \"skeleton\": [");
    if (const JointSet* set = find_joint_set(joints_.names()); set != nullptr) {
      for (std::size_t i = 0; i < set->limbs.size(); ++i) {
        sink_.text(i == 0 ? "[" : ", [").integer(set->limbs[i].first + 1).text(", ").integer(set->limbs[i].second + 1).text("]");
      }
    }
    sink_.text("]}],\n");
  }

  void write_image(const Frame& frame, std::int64_t image_id) {
    TextBuilder record;
    record.text("{\"id\": ").integer(image_id).text(", \"file_name\": ").quoted(file_name_of(frame, options_.sequence_name));
    if (frame.width > 0) record.text(", \"width\": ").integer(frame.width);
    if (frame.height > 0) record.text(", \"height\": ").integer(frame.height);
    if (posetrack()) {
      record.text(", \"frame_id\": ").integer(frame.frame_id.value_or(image_id));
      record.text(", \"vid_id\": ").quoted(video_id_of(frame)).text(", \"has_no_densepose\": true");
    }
    if (frame.is_labeled || format_ == Format::kPoseTrack21) record.text(", \"is_labeled\": ").boolean(frame.labeled());
    if (frame.has_ignore_regions || format_ == Format::kPoseTrack21) {
      write_regions(record, frame, true);
      write_regions(record, frame, false);
    }
    if (!frame.labels.empty()) record.text(", \"labels\": ").quoted(frame.labels);
    if (frame.original_width > 0) record.text(", \"original_width\": ").integer(frame.original_width);
    if (frame.original_height > 0) record.text(", \"original_height\": ").integer(frame.original_height);
    write_point(record, "neck", frame.neck);
    write_point(record, "head_top", frame.head_top);
    images_.add(record.buffer());
  }

  std::string video_id_of(const Frame& frame) const {
    if (!frame.video_id.empty()) return frame.video_id;
    return options_.sequence_name.substr(0, options_.sequence_name.find('_'));
  }

  static void write_point(TextBuilder& record, std::string_view key, const std::optional<std::pair<double, double>>& point) {
    if (!point) return;
    record.text(", \"").text(key).text("\": [").number(point->first).text(", ").number(point->second).text("]");
  }

  static void write_regions(TextBuilder& record, const Frame& frame, bool x) {
    record.text(x ? ", \"ignore_regions_x\": [" : ", \"ignore_regions_y\": [");
    for (std::size_t i = 0; i < frame.ignore_regions.size(); ++i) {
      record.text(i == 0 ? "[" : ", [");
      const auto& corners = frame.ignore_regions[i].points;
      for (std::size_t k = 0; k < corners.size(); ++k) {
        record.text(k == 0 ? "" : ", ").number(x ? corners[k].first : corners[k].second);
      }
      record.text("]");
    }
    record.text("]");
  }

  void write_annotation(const Person& person, std::int64_t image_id, std::size_t position) {
    ++annotations_;
    const std::int64_t made = posetrack() ? image_id * 1000 + static_cast<std::int64_t>(position) : annotations_;
    sink_.text(annotations_ == 1 ? "\n" : ",\n");
    sink_.text("{\"id\": ").integer(person.id.value_or(made)).text(", \"image_id\": ").integer(image_id);
    sink_.text(", \"category_id\": 1");
    if (person.track_id) sink_.text(", \"track_id\": ").integer(*person.track_id);
    if (person.person_id) sink_.text(", \"person_id\": ").integer(*person.person_id);
    if (person.score) sink_.text(", \"score\": ").number(*person.score, options_.score_decimals);
    if (person.head_box) sink_.text(", \"bbox_head\": ").box(*person.head_box, -1);
    write_extent(person);
    write_keypoints(person);
    sink_.text("}");
  }

  // COCO needs box, area, count and crowd flag on every annotation; PoseTrack takes them where they are known.
  void write_extent(const Person& person) {
    const bool coco = !posetrack();
    const std::optional<Box> box = coco ? box_or_extent(person) : person.bbox;
    if (box) sink_.text(", \"bbox\": ").box(*box, options_.coordinate_decimals);
    const bool estimate_area = coco && !person.area && box;
    if (person.area) {
      sink_.text(", \"area\": ").number(*person.area);
    } else if (estimate_area) {
      sink_.text(", \"area\": ").number(kAreaOfBox * box->width * box->height);
    }
    if (coco || person.is_crowd) sink_.text(", \"iscrowd\": ").integer(person.is_crowd);
    if (person.crowd_unknown) sink_.text(", \"iscrowd_unknown\": 1");
    if (person.area_estimated || estimate_area) sink_.text(", \"area_estimated\": 1");
    if (person.bbox_estimated || (coco && box && !person.bbox)) sink_.text(", \"bbox_estimated\": 1");
  }

  void write_keypoints(const Person& person) {
    const std::vector<Keypoint>& keypoints = joints_.convert(person.keypoints);
    const bool missing = keypoints.empty();
    int labelled = 0;
    bool scored = false;
    for (const Keypoint& keypoint : keypoints) {
      labelled += keypoint.present && keypoint.visibility > 0;
      scored = scored || keypoint.score != kNoScore;
    }
    const bool same_joints = joints_.names() == options_.joint_names;
    if (!posetrack() || person.num_keypoints) {
      sink_.text(", \"num_keypoints\": ").integer(same_joints ? person.num_keypoints.value_or(labelled) : labelled);
    }
    sink_.text(", \"keypoints\": [");
    const std::size_t count = missing ? joints_.names().size() : keypoints.size();
    for (std::size_t i = 0; i < count; ++i) {
      sink_.text(i == 0 ? "" : ", ");
      if (missing || !keypoints[i].present) {
        sink_.text("0, 0, 0");
        continue;
      }
      const Keypoint& keypoint = keypoints[i];
      // 0, 0, 0 means absent, so a hidden point in the corner gets a flag.
      const bool corner = keypoint.x == 0 && keypoint.y == 0 && keypoint.visibility == 0;
      sink_.number(keypoint.x, options_.coordinate_decimals).text(", ").number(keypoint.y, options_.coordinate_decimals);
      sink_.text(", ").number(corner ? 1.0 : static_cast<double>(keypoint.visibility));
    }
    sink_.text("]");
    if (scored) {
      sink_.text(", \"scores\": [");
      for (std::size_t i = 0; i < keypoints.size(); ++i) {
        const Keypoint& keypoint = keypoints[i];
        const double score = !keypoint.present && keypoint.score == kNoScore ? 0.0 : keypoint.score;
        sink_.text(i == 0 ? "" : ", ").number(score, options_.score_decimals);
      }
      sink_.text("]");
    }
  }

  Format format_;
  TextSink sink_;
  RecordSpool images_;
  WriterOptions options_;
  JointConverter joints_;
  std::int64_t annotations_ = 0;
};

// Every detection with keypoints; one that has no score of its own gets the mean of its keypoints'.
class CocoResultsWriter : public PredictionWriter {
 public:
  CocoResultsWriter(const std::filesystem::path& path, const WriterOptions& options)
      : sink_(path), options_(options), joints_(options.joint_names, chosen_joints(Format::kCocoResults, options)) {
    sink_.text("[");
  }

  void write(const Frame& frame) override {
    try {
      for (const Person& person : frame.persons) {
        if (!person.keypoints.empty()) write_result(person, frame.image_id != 0 ? frame.image_id : frame.index + 1);
      }
    } catch (const Error& error) {
      throw error.at(sink_.path().string() + ": frame " + std::to_string(frame.index));
    }
    sink_.flush_if_large();
  }

  void close() override {
    sink_.text("\n]\n");
    sink_.commit();
  }

 private:
  void write_result(const Person& person, std::int64_t image_id) {
    sink_.text(first_ ? "\n" : ",\n");
    first_ = false;
    sink_.text("{\"image_id\": ").integer(image_id).text(", \"category_id\": ").integer(person.category_id);
    if (person.track_id) sink_.text(", \"track_id\": ").integer(*person.track_id);
    sink_.text(", \"score\": ").number(score_or_mean(person), options_.score_decimals);
    if (person.bbox) sink_.text(", \"bbox\": ").box(*person.bbox, options_.coordinate_decimals);
    sink_.text(", \"keypoints\": [");
    bool first = true;
    for (const Keypoint& keypoint : joints_.convert(person.keypoints)) {
      sink_.text(first ? "" : ", ");
      first = false;
      const double third = keypoint.score != kNoScore ? keypoint.score : static_cast<double>(keypoint.visibility);
      sink_.number(keypoint.x, options_.coordinate_decimals).text(", ").number(keypoint.y, options_.coordinate_decimals);
      sink_.text(", ").number(keypoint.present ? third : 0.0, options_.score_decimals);
    }
    sink_.text("]}");
  }

  TextSink sink_;
  WriterOptions options_;
  JointConverter joints_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<PredictionWriter> make_coco_like_writer(Format format, const std::filesystem::path& path,
                                                        const WriterOptions& options) {
  return std::make_unique<CocoLikeWriter>(format, path, options);
}

std::unique_ptr<PredictionWriter> make_coco_results_writer(const std::filesystem::path& path, const WriterOptions& options) {
  return std::make_unique<CocoResultsWriter>(path, options);
}

void write_coco(const std::filesystem::path& path, const CocoDataset& dataset) {
  WriterOptions options;
  options.sequence_name = dataset.poses.name;
  options.joint_names = dataset.poses.joint_names;
  options.description = dataset.description;
  options.bystanders = dataset.bystanders;
  const auto writer = open_writer(Format::kCoco, path, options);
  for (const Frame& frame : dataset.poses.frames) writer->write(frame);
  writer->close();
}

}  // namespace vepe::formats
