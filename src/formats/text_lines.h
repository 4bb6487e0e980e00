#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace vepe::formats {

// Inside formats/ only. Lines of a text without their ends; a carriage return before the line feed is dropped.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number_;
    return true;
  }
  std::size_t number() const { return number_; }  // of the last line, from 1

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

inline bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

// Cells between commas, without white space around them.
inline void split_cells(std::string_view line, std::vector<std::string_view>& cells) {
  cells.clear();
  for (;;) {
    const std::size_t comma = line.find(',');
    std::string_view cell = line.substr(0, comma);
    const std::size_t first = cell.find_first_not_of(" \t");
    cell = first == std::string_view::npos ? std::string_view() : cell.substr(first, cell.find_last_not_of(" \t") - first + 1);
    cells.push_back(cell);
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

// The number in a cell; nothing for an empty cell. Throws Error(kInput) without a place for anything else, a value
// that is not finite, or one beyond `limit`.
std::optional<double> cell_number(std::string_view cell, double limit, std::string_view column);
std::optional<std::int64_t> cell_integer(std::string_view cell, std::string_view column);

}  // namespace vepe::formats
