#include "formats/mot.h"

#include <algorithm>
#include <unordered_map>

#include "formats/coco_like.h"
#include "formats/mapped_file.h"
#include "formats/read_support.h"
#include "formats/text_lines.h"

namespace vepe::formats {
namespace {

constexpr std::int64_t kMaxFrames = std::int64_t{1} << 40;

struct MotRow {
  std::int64_t frame = 0;
  Person person;
};

double required(std::string_view cell, const char* column) {
  const auto value = cell_number(cell, kCoordinateLimit, column);
  if (!value) throw Error(ErrorCode::kInput, "", std::string("column '") + column + "' is empty", "write a number");
  return *value;
}

MotRow read_row(const std::vector<std::string_view>& cells) {
  if (cells.size() < 6 || cells.size() > 10) {
    throw Error(ErrorCode::kInput, "", std::to_string(cells.size()) + " columns, not 6 to 10",
                "write frame, id, left, top, width, height, confidence, class, visibility");
  }
  MotRow row;
  const auto frame = cell_integer(cells[0], "frame"), id = cell_integer(cells[1], "id");
  if (!frame || *frame < 1 || *frame > kMaxFrames) {
    throw Error(ErrorCode::kInput, "", "frame '" + std::string(cells[0].substr(0, 40)) + "' is not a frame number",
                "count frames from 1");
  }
  row.frame = *frame - 1;
  if (id && *id >= 0) row.person.track_id = id;
  Box box{required(cells[2], "left"), required(cells[3], "top"), required(cells[4], "width"), required(cells[5], "height")};
  if (box.width < 0 || box.height < 0)
    throw Error(ErrorCode::kInput, "", "the box has a negative size", "write width and height, not corners");
  row.person.bbox = box;
  row.person.score = 1;
  if (cells.size() > 6) row.person.score = cell_number(cells[6], kScoreLimit, "confidence").value_or(1);
  if (cells.size() > 7) {
    const std::int64_t value = cell_integer(cells[7], "class").value_or(1);
    if (value < -1 || value > 1000000)
      throw Error(ErrorCode::kInput, "", "class " + std::to_string(value) + " is out of range", "write 1 for persons");
    row.person.mot_class = static_cast<int>(value);
  }
  if (cells.size() > 8) row.person.mot_visibility = cell_number(cells[8], kScoreLimit, "visibility").value_or(-1);
  return row;
}

}  // namespace

Sequence parse_mot(std::string_view text, const std::string& name, const ReadOptions& options) {
  Sequence sequence;
  sequence.name = sequence_name(name);
  std::unordered_map<std::int64_t, std::size_t> position_of_frame;
  std::vector<std::string_view> cells;
  TextLines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (is_blank(line)) continue;
    try {
      split_cells(line, cells);
      MotRow row = read_row(cells);
      const auto [entry, is_new] = position_of_frame.emplace(row.frame, sequence.frames.size());
      if (is_new) {
        sequence.frames.emplace_back().index = row.frame;
        sequence.frames.back().image_id = row.frame + 1;
      }
      sequence.frames[entry->second].persons.push_back(std::move(row.person));
    } catch (const Error& error) {
      skip_or_throw(error.at(name + ": line " + std::to_string(lines.number())), options);
    }
  }
  std::sort(sequence.frames.begin(), sequence.frames.end(), [](const Frame& a, const Frame& b) { return a.index < b.index; });
  return sequence;
}

Sequence read_mot(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile file(path);
  return parse_mot(file.text(), path.string(), options);
}

}  // namespace vepe::formats
