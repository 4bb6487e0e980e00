#include "core/error.h"
#include "formats/csv_columns.h"
#include "formats/text_sink.h"
#include "formats/writer_support.h"

namespace vepe::formats {
namespace {

// What the formats with one line a frame or person share.
class LineWriter : public PredictionWriter {
 public:
  LineWriter(const std::filesystem::path& path, const WriterOptions& options)
      : sink_(path), options_(options), joints_(options.joint_names, chosen_joints(Format::kJsonLines, options)) {}

  void write(const Frame& frame) final {
    try {
      write_lines(frame);
    } catch (const Error& error) {
      throw error.at(sink_.path().string() + ": frame " + std::to_string(frame.index));
    }
    sink_.flush_if_large();
  }
  void close() final { sink_.commit(); }

 protected:
  virtual void write_lines(const Frame& frame) = 0;

  TextSink sink_;
  WriterOptions options_;
  JointConverter joints_;
};

class JsonLinesWriter : public LineWriter {
 public:
  using LineWriter::LineWriter;

 private:
  void write_lines(const Frame& frame) override {
    sink_.text("{\"index\": ").integer(frame.index);
    if (frame.pts_seconds) sink_.text(", \"pts\": ").number(*frame.pts_seconds);
    if (frame.width > 0) sink_.text(", \"width\": ").integer(frame.width);
    if (frame.height > 0) sink_.text(", \"height\": ").integer(frame.height);
    if (frame.image_id != 0) sink_.text(", \"image_id\": ").integer(frame.image_id);
    if (!frame.file_name.empty()) sink_.text(", \"file_name\": ").quoted(frame.file_name);
    if (first_ && !joints_.names().empty()) write_joints();
    first_ = false;
    sink_.text(", \"people\": [");
    for (std::size_t i = 0; i < frame.persons.size(); ++i) {
      sink_.text(i == 0 ? "" : ", ");
      write_person(frame.persons[i]);
    }
    sink_.text("]}\n");
  }

  void write_joints() {
    sink_.text(", \"joints\": [");
    for (std::size_t i = 0; i < joints_.names().size(); ++i) sink_.text(i == 0 ? "" : ", ").quoted(joints_.names()[i]);
    sink_.text("]");
  }

  void write_person(const Person& person) {
    const char* separator = "{";
    const auto key = [&](const char* name) -> TextBuilder& {
      sink_.text(separator).text(name);
      separator = ", ";
      return sink_;
    };
    if (person.track_id) key("\"id\": ").integer(*person.track_id);
    if (person.score) key("\"score\": ").number(*person.score, options_.score_decimals);
    if (person.bbox) key("\"bbox\": ").box(*person.bbox, options_.coordinate_decimals);
    key("\"keypoints\": [");
    bool first = true;
    for (const Keypoint& keypoint : joints_.convert(person.keypoints)) {
      sink_.text(first ? "" : ", ");
      first = false;
      if (!keypoint.present) {
        sink_.text("null");
        continue;
      }
      sink_.text("[").number(keypoint.x, options_.coordinate_decimals).text(", ").number(keypoint.y, options_.coordinate_decimals);
      if (keypoint.score != kNoScore) sink_.text(", ").number(keypoint.score, options_.score_decimals);
      sink_.text("]");
    }
    sink_.text("]");
    if (!person.embedding.empty()) {
      constexpr int kEmbeddingDecimals = 5;  // unit vectors: enough for a cosine
      key("\"embedding\": [");
      for (std::size_t i = 0; i < person.embedding.size(); ++i) {
        sink_.text(i == 0 ? "" : ", ").number(static_cast<double>(person.embedding[i]), kEmbeddingDecimals);
      }
      sink_.text("]");
    }
    sink_.text("}");
  }

  bool first_ = true;
};

class CsvWriter : public LineWriter {
 public:
  CsvWriter(const std::filesystem::path& path, const WriterOptions& options) : LineWriter(path, options) {
    bool first = true;
    for (const std::string_view column : kCsvColumns) {
      sink_.text(first ? "" : ",").text(column);
      first = false;
    }
    for (const std::string& joint : joints_.names()) {
      if (joint.find_first_of(",\"\r\n") != std::string::npos) {
        throw Error(ErrorCode::kUsage, path.string(), "the joint name '" + joint + "' does not fit a CSV header",
                    "use plain names");
      }
      sink_.text(",").text(joint).text("_x,").text(joint).text("_y,").text(joint).text("_score");
    }
    sink_.text("\n");
  }

 private:
  void write_lines(const Frame& frame) override {
    write_frame_cells(frame);
    if (frame.persons.empty()) {
      sink_.text(std::string(6 + 3 * joints_.names().size(), ',')).text("\n");
      return;
    }
    for (std::size_t i = 0; i < frame.persons.size(); ++i) {
      if (i > 0) write_frame_cells(frame);
      write_person_cells(frame.persons[i]);
    }
  }

  void write_frame_cells(const Frame& frame) {
    sink_.integer(frame.index).text(",");
    if (frame.pts_seconds) sink_.number(*frame.pts_seconds);
    sink_.text(",");
    if (frame.width > 0) sink_.integer(frame.width);
    sink_.text(",");
    if (frame.height > 0) sink_.integer(frame.height);
  }

  void write_person_cells(const Person& person) {
    sink_.text(",");
    if (person.track_id) sink_.integer(*person.track_id);
    sink_.text(",");
    if (person.score) sink_.number(*person.score, options_.score_decimals);
    if (person.bbox) {
      for (const double value : {person.bbox->x, person.bbox->y, person.bbox->width, person.bbox->height}) {
        sink_.text(",").number(value, options_.coordinate_decimals);
      }
    } else {
      sink_.text(",,,,");
    }
    const std::vector<Keypoint>& keypoints = joints_.convert(person.keypoints);
    for (const Keypoint& keypoint : keypoints) {
      if (!keypoint.present) {
        sink_.text(",,,");
        continue;
      }
      sink_.text(",")
          .number(keypoint.x, options_.coordinate_decimals)
          .text(",")
          .number(keypoint.y, options_.coordinate_decimals)
          .text(",");
      if (keypoint.score != kNoScore) sink_.number(keypoint.score, options_.score_decimals);
    }
    if (keypoints.empty()) sink_.text(std::string(3 * joints_.names().size(), ','));
    sink_.text("\n");
  }
};

class MotWriter : public LineWriter {
 public:
  using LineWriter::LineWriter;

 private:
  void write_lines(const Frame& frame) override {
    for (const Person& person : frame.persons) {
      const std::optional<Box> box = box_or_extent(person);
      if (!box) continue;
      sink_.integer(frame.index + 1).text(",").integer(person.track_id.value_or(-1));
      for (const double value : {box->x, box->y, box->width, box->height})
        sink_.text(",").number(value, options_.coordinate_decimals);
      sink_.text(",").number(score_or_mean(person), options_.score_decimals);
      if (person.mot_visibility >= 0) {
        sink_.text(",").integer(person.mot_class).text(",").number(person.mot_visibility).text("\n");
      } else {
        sink_.text(",-1,-1,-1\n");
      }
    }
  }
};

}  // namespace

std::unique_ptr<PredictionWriter> make_jsonl_writer(const std::filesystem::path& path, const WriterOptions& options) {
  return std::make_unique<JsonLinesWriter>(path, options);
}

std::unique_ptr<PredictionWriter> make_csv_writer(const std::filesystem::path& path, const WriterOptions& options) {
  return std::make_unique<CsvWriter>(path, options);
}

std::unique_ptr<PredictionWriter> make_mot_writer(const std::filesystem::path& path, const WriterOptions& options) {
  return std::make_unique<MotWriter>(path, options);
}

}  // namespace vepe::formats
