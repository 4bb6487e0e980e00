#include "formats/text_lines.h"

#include <cmath>

#include "formats/json_cursor.h"

namespace vepe::formats {
namespace {

[[noreturn]] void fail(std::string_view column, std::string_view cell, const char* message) {
  constexpr std::size_t kQuoted = 40;  // enough to recognise the cell, short enough for one line
  throw Error(ErrorCode::kInput, "",
              "column '" + std::string(column) + "': '" + std::string(cell.substr(0, kQuoted)) + "' " + message,
              "correct the line or leave it out; --lenient skips it");
}

}  // namespace

std::optional<double> cell_number(std::string_view cell, double limit, std::string_view column) {
  if (cell.empty()) return std::nullopt;
  double value = 0;
  std::string_view digits = cell;
  if (digits.front() == '+') digits.remove_prefix(1);
  const char* end = parse_number(digits.data(), digits.data() + digits.size(), value);
  if (end == nullptr || end != digits.data() + digits.size()) {
    if (digits == "nan" || digits == "inf" || digits == "-inf") fail(column, cell, "is not finite");
    fail(column, cell, "is not a number");
  }
  if (!std::isfinite(value)) fail(column, cell, "is not finite");
  if (std::fabs(value) > limit) fail(column, cell, "is out of range");
  return value;
}

std::optional<std::int64_t> cell_integer(std::string_view cell, std::string_view column) {
  const std::optional<double> value = cell_number(cell, 9007199254740992.0, column);
  if (!value) return std::nullopt;
  if (std::trunc(*value) != *value) fail(column, cell, "is not a whole number");
  return static_cast<std::int64_t>(*value);
}

}  // namespace vepe::formats
