#include "formats/csv.h"

#include <algorithm>

#include "formats/coco_like.h"
#include "formats/csv_columns.h"
#include "formats/mapped_file.h"
#include "formats/read_support.h"
#include "formats/text_lines.h"

namespace vepe::formats {
namespace {

constexpr std::size_t kFixed = std::size(kCsvColumns);

[[noreturn]] void fail(const std::string& message, const std::string& remedy) {
  throw Error(ErrorCode::kInput, "", message, remedy);
}

// The joint names, from columns <joint>_x, <joint>_y, <joint>_score.
std::vector<std::string> read_header(const std::vector<std::string_view>& cells) {
  const char* remedy = "the first line names the columns: frame,pts,width,height,id,score,x,y,w,h,nose_x,nose_y,nose_score,..";
  if (cells.size() < kFixed || !std::equal(std::begin(kCsvColumns), std::end(kCsvColumns), cells.begin())) {
    fail("the header line is not the one of this format", remedy);
  }
  if ((cells.size() - kFixed) % 3 != 0) fail("the joint columns do not come in threes", remedy);
  std::vector<std::string> joints;
  for (std::size_t i = kFixed; i < cells.size(); i += 3) {
    const std::string_view x = cells[i];
    if (!x.ends_with("_x")) fail("column '" + std::string(x.substr(0, 40)) + "' does not end in _x", remedy);
    const std::string joint(x.substr(0, x.size() - 2));
    if (cells[i + 1] != joint + "_y" || cells[i + 2] != joint + "_score")
      fail("the columns of '" + joint + "' are not _x, _y, _score", remedy);
    joints.push_back(joint);
  }
  return joints;
}

int size_cell(std::string_view cell, const char* column) {
  const std::int64_t value = cell_integer(cell, column).value_or(0);
  if (value < 0 || value > std::numeric_limits<int>::max())
    fail(std::string(column) + " is out of range", "write the size in pixels");
  return static_cast<int>(value);
}

// Nothing when the row only says that the frame exists.
std::optional<Person> read_person(const std::vector<std::string_view>& cells) {
  if (std::all_of(cells.begin() + 4, cells.end(), [](std::string_view cell) { return cell.empty(); })) return std::nullopt;
  Person person;
  person.track_id = cell_integer(cells[4], "id");
  person.score = cell_number(cells[5], kScoreLimit, "score");
  std::optional<double> box[4];
  for (std::size_t i = 0; i < 4; ++i) box[i] = cell_number(cells[6 + i], kCoordinateLimit, kCsvColumns[6 + i]);
  if (box[0] && box[1] && box[2] && box[3]) person.bbox = Box{*box[0], *box[1], *box[2], *box[3]};
  for (std::size_t i = kFixed; i < cells.size(); i += 3) {
    Keypoint keypoint;
    const auto x = cell_number(cells[i], kCoordinateLimit, "a keypoint's x"),
               y = cell_number(cells[i + 1], kCoordinateLimit, "a keypoint's y");
    const auto score = cell_number(cells[i + 2], kScoreLimit, "a keypoint's score");
    if (x.has_value() != y.has_value()) fail("a keypoint has only one of x and y", "give both cells or neither");
    if (x) keypoint = {.x = *x, .y = *y, .score = score.value_or(kNoScore), .visibility = 1, .present = true};
    person.keypoints.push_back(keypoint);
  }
  return person;
}

void read_row(const std::vector<std::string_view>& cells, Sequence& sequence) {
  const std::size_t wanted = kFixed + 3 * sequence.joint_names.size();
  if (cells.size() != wanted) {
    fail(std::to_string(cells.size()) + " cells, but the header has " + std::to_string(wanted), "give every column a cell");
  }
  const auto index = cell_integer(cells[0], "frame");
  if (!index || *index < 0) fail("the row has no frame number", "count frames from 0");
  std::optional<Person> person = read_person(cells);
  Frame frame;
  frame.index = *index;
  frame.pts_seconds = cell_number(cells[1], 1e12, "pts");
  frame.width = size_cell(cells[2], "width");
  frame.height = size_cell(cells[3], "height");
  const bool same = !sequence.frames.empty() && sequence.frames.back().index == *index;
  if (!same) {
    if (!sequence.frames.empty() && *index < sequence.frames.back().index) {
      fail("frame " + std::to_string(*index) + " follows frame " + std::to_string(sequence.frames.back().index),
           "sort the rows by frame");
    }
    sequence.frames.push_back(std::move(frame));
  }
  if (person) sequence.frames.back().persons.push_back(std::move(*person));
}

Sequence parse(std::string_view text, const std::string& name, const ReadOptions& options, MappedFile* file) {
  Sequence sequence;
  sequence.name = sequence_name(name);
  std::vector<std::string_view> cells;
  TextLines lines(text);
  std::string_view line;
  if (!lines.next(line)) throw Error(ErrorCode::kInput, name, "is empty", "a CSV file has at least the header line");
  split_cells(line, cells);
  try {
    sequence.joint_names = read_header(cells);
  } catch (const Error& error) {
    throw error.at(name + ": line 1");
  }
  while (lines.next(line)) {
    if (is_blank(line)) continue;
    try {
      split_cells(line, cells);
      read_row(cells, sequence);
    } catch (const Error& error) {
      skip_or_throw(error.at(name + ": line " + std::to_string(lines.number())), options);
    }
    if (file != nullptr) file->release_before(static_cast<std::size_t>(line.data() - text.data()));
  }
  return sequence;
}

}  // namespace

Sequence read_csv(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile file(path);
  return parse(file.text(), path.string(), options, &file);
}

Sequence parse_csv(std::string_view text, const std::string& name, const ReadOptions& options) {
  return parse(text, name, options, nullptr);
}

}  // namespace vepe::formats
