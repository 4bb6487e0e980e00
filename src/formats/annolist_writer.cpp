#include "core/error.h"
#include "formats/joints.h"
#include "formats/text_sink.h"
#include "formats/writer_support.h"

namespace vepe::formats {
namespace {

// PoseTrack17: every value in a list of one, as MATLAB structs come out.
class AnnolistWriter : public PredictionWriter {
 public:
  AnnolistWriter(const std::filesystem::path& path, const WriterOptions& options)
      : sink_(path), options_(options), joints_(options.joint_names, &posetrack15()) {
    if (chosen_joints(Format::kPoseTrack17, options) != &posetrack15()) {
      throw Error(ErrorCode::kUsage, path.string(), "PoseTrack17 files hold the joints posetrack15 only",
                  "leave the joint order out");
    }
    sink_.text("{\"annolist\": [");
  }

  void write(const Frame& frame) override {
    try {
      write_frame(frame);
    } catch (const Error& error) {
      throw error.at(sink_.path().string() + ": frame " + std::to_string(frame.index));
    }
    sink_.flush_if_large();
  }

  void close() override {
    sink_.text("\n]}\n");
    sink_.commit();
  }

 private:
  void write_frame(const Frame& frame) {
    sink_.text(count_++ == 0 ? "\n" : ",\n");
    sink_.text("{\"image\": [{\"name\": ").quoted(file_name_of(frame, options_.sequence_name));
    sink_.text("}], \"imgnum\": [").integer(count_).text("], ");
    if (frame.is_labeled) sink_.text("\"is_labeled\": [").integer(*frame.is_labeled).text("], ");
    if (frame.has_ignore_regions) write_regions(frame);
    sink_.text("\"annorect\": [");
    bool first = true;
    for (const Person& person : frame.persons) {
      sink_.text(first ? "" : ", ");
      first = false;
      write_person(person);
    }
    sink_.text("]}");
  }

  void write_regions(const Frame& frame) {
    sink_.text("\"ignore_regions\": [");
    for (std::size_t i = 0; i < frame.ignore_regions.size(); ++i) {
      sink_.text(i == 0 ? "{\"point\": [" : ", {\"point\": [");
      const auto& corners = frame.ignore_regions[i].points;
      for (std::size_t k = 0; k < corners.size(); ++k) {
        sink_.text(k == 0 ? "{\"x\": [" : ", {\"x\": [").number(corners[k].first);
        sink_.text("], \"y\": [").number(corners[k].second).text("]}");
      }
      sink_.text("]}");
    }
    sink_.text("], ");
  }

  void write_person(const Person& person) {
    sink_.text("{");
    if (person.head_box) {
      const Box& box = *person.head_box;
      sink_.text("\"x1\": [").number(box.x).text("], \"y1\": [").number(box.y);
      sink_.text("], \"x2\": [").number(box.x + box.width).text("], \"y2\": [").number(box.y + box.height).text("], ");
    }
    if (person.track_id) sink_.text("\"track_id\": [").integer(*person.track_id).text("], ");
    if (person.score) sink_.text("\"score\": [").number(*person.score, options_.score_decimals).text("], ");
    sink_.text("\"annopoints\": [");
    if (!person.keypoints.empty()) write_points(joints_.convert(person.keypoints));
    sink_.text("]}");
  }

  void write_points(const std::vector<Keypoint>& keypoints) {
    sink_.text("{\"point\": [");
    bool first = true;
    for (std::size_t id = 0; id < keypoints.size(); ++id) {
      const Keypoint& keypoint = keypoints[id];
      if (!keypoint.present) continue;
      sink_.text(first ? "{\"id\": [" : ", {\"id\": [").integer(static_cast<std::int64_t>(id));
      first = false;
      sink_.text("], \"x\": [").number(keypoint.x, options_.coordinate_decimals);
      sink_.text("], \"y\": [").number(keypoint.y, options_.coordinate_decimals).text("]");
      if (keypoint.score != kNoScore) {
        sink_.text(", \"score\": [").number(keypoint.score, options_.score_decimals).text("]");
      }
      sink_.text(", \"is_visible\": [").number(keypoint.visibility).text("]}");
    }
    sink_.text("]}");
  }

  TextSink sink_;
  WriterOptions options_;
  JointConverter joints_;
  std::int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<PredictionWriter> make_annolist_writer(const std::filesystem::path& path, const WriterOptions& options) {
  return std::make_unique<AnnolistWriter>(path, options);
}

}  // namespace vepe::formats
