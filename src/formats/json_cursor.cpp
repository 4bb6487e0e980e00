#include "formats/json_cursor.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "formats/mapped_file.h"

namespace vepe::formats {
namespace {

constexpr const char* kBrokenRemedy =
    "the file is not whole or was edited by hand; write or copy it again, or read it with --lenient";

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

bool starts_with(const char* p, const char* end, std::string_view word) {
  return static_cast<std::size_t>(end - p) >= word.size() && std::string_view(p, word.size()) == word;
}

// True when the text ends within `word`.
bool cut_off(std::string_view rest, std::string_view word) { return rest.size() < word.size() && word.starts_with(rest); }

// Out of line, so that the loop over plain numbers stays small.
[[gnu::noinline]] double slow_number(const char* begin, const char* end) {
  double value = 0;
  const auto result = std::from_chars(begin, end, value);
  // Out of range: strtod tells overflow (infinity) from underflow (zero).
  if (result.ec == std::errc::result_out_of_range) value = std::strtod(std::string(begin, end).c_str(), nullptr);
  return value;
}

[[gnu::always_inline]] inline const char* take_number(const char* begin, const char* end, double& value) {
  const char* p = begin;
  const bool negative = p < end && *p == '-';
  if (negative) ++p;
  if (p == end) return nullptr;
  if (!is_digit(*p)) {
    if (starts_with(p, end, "Infinity")) {
      value = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
      return p + 8;
    }
    if (!negative && starts_with(p, end, "NaN")) {
      value = std::numeric_limits<double>::quiet_NaN();
      return p + 3;
    }
    return nullptr;
  }
  std::uint64_t mantissa = 0;
  const char* digits = p;
  while (p < end && is_digit(*p)) mantissa = mantissa * 10 + static_cast<unsigned>(*p++ - '0');
  std::ptrdiff_t count = p - digits;
  if (count > 1 && *digits == '0') return nullptr;
  std::ptrdiff_t exponent = 0;
  if (p < end && *p == '.') {
    const char* fraction = ++p;
    while (p < end && is_digit(*p)) mantissa = mantissa * 10 + static_cast<unsigned>(*p++ - '0');
    if (p == fraction) return nullptr;
    exponent = fraction - p;
    count -= exponent;
  }
  bool plain = true;
  if (p < end && (*p == 'e' || *p == 'E')) {
    plain = false;
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    const char* first = p;
    while (p < end && is_digit(*p)) ++p;
    if (p == first) return nullptr;
  }
  // Both the digits and the power of ten are exact doubles, so one division rounds correctly.
  if (plain && count <= 18 && mantissa <= (std::uint64_t{1} << 53) && exponent >= -22) {
    const double magnitude = static_cast<double>(mantissa) / kPowersOfTen[-exponent];
    value = negative ? -magnitude : magnitude;
  } else {
    value = slow_number(begin, p);
  }
  return p;
}

}  // namespace

const char* parse_number(const char* begin, const char* end, double& value) { return take_number(begin, end, value); }

JsonCursor::JsonCursor(std::string_view text, MappedFile* file)
    : begin_(text.data()), position_(text.data()), end_(text.data() + text.size()), file_(file) {
  if (starts_with(position_, end_, "\xEF\xBB\xBF")) position_ += 3;
}

void JsonCursor::fail(const std::string& message, const std::string& remedy) const {
  throw Error(ErrorCode::kInput, "byte " + std::to_string(offset()), message, remedy);
}

void JsonCursor::fail_syntax(const char* expected) {
  if (position_ >= end_) fail(std::string("the JSON breaks off here, expected ") + expected, kBrokenRemedy);
  fail(std::string("wrong JSON, expected ") + expected, kBrokenRemedy);
}

void JsonCursor::fail_type(const char* wanted) {
  static constexpr const char* kNames[] = {"an object", "a list", "a string", "a number", "true or false", "null"};
  const Type found = type();
  fail(std::string("found ") + kNames[static_cast<int>(found)] + ", expected " + wanted, "write the value as the format says");
}

void JsonCursor::skip_space() {
  while (position_ < end_ && (*position_ == ' ' || *position_ == '\n' || *position_ == '\r' || *position_ == '\t')) ++position_;
}

char JsonCursor::expect_value() {
  skip_space();
  if (position_ == end_) fail_syntax("a value");
  return *position_;
}

JsonCursor::Type JsonCursor::type() {
  switch (const char c = expect_value(); c) {
    case '{':
      return Type::kObject;
    case '[':
      return Type::kArray;
    case '"':
      return Type::kString;
    case 't':
    case 'f':
      return Type::kBool;
    case 'n':
      return Type::kNull;
    default:
      if (is_digit(c) || c == '-' || c == 'N' || c == 'I') return Type::kNumber;
      fail_syntax("a value");
  }
}

void JsonCursor::push() {
  ++position_;
  if (++depth_ > kMaxDepth) {
    fail("nested deeper than " + std::to_string(kMaxDepth) + " levels", "no pose format nests so deep; check what this file is");
  }
  fresh_ = true;
}

void JsonCursor::enter_object() {
  if (expect_value() != '{') fail_type("an object");
  push();
}

void JsonCursor::enter_array() {
  if (expect_value() != '[') fail_type("a list");
  push();
}

bool JsonCursor::next_member(std::string_view& key) {
  skip_space();
  if (position_ == end_) fail_syntax("a key or '}'");
  if (*position_ == '}') {
    ++position_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (*position_ != ',') fail_syntax("',' or '}'");
    ++position_;
    skip_space();
  }
  fresh_ = false;
  if (position_ == end_ || *position_ != '"') fail_syntax("a key in quotes");
  key = raw_string(key_scratch_);
  skip_space();
  if (position_ == end_ || *position_ != ':') fail_syntax("':'");
  ++position_;
  return true;
}

bool JsonCursor::next_element() {
  skip_space();
  if (position_ == end_) fail_syntax("a value or ']'");
  if (*position_ == ']') {
    ++position_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (*position_ != ',') fail_syntax("',' or ']'");
    ++position_;
    if (file_ != nullptr && depth_ <= 2) file_->release_before(offset());
  }
  fresh_ = false;
  return true;
}

double JsonCursor::number() {
  expect_value();
  double value = 0;
  const char* next = parse_number(position_, end_, value);
  if (next == nullptr) {
    if (type() != Type::kNumber) fail_type("a number");
    const std::string_view rest(position_, static_cast<std::size_t>(end_ - position_));
    const bool cut = rest.find_first_not_of("+-.0123456789eE") == std::string_view::npos || cut_off(rest, "-Infinity") ||
                     cut_off(rest, "Infinity") || cut_off(rest, "NaN");
    if (cut) position_ = end_;
    fail_syntax("a number");
  }
  position_ = next;
  return value;
}

void JsonCursor::fail_number(double value, const char* what) {
  if (!std::isfinite(value)) {
    fail(std::string(what) + " is not finite", "write a finite number, or leave the person out; --lenient skips it");
  }
  fail(std::string(what) + " is out of range", "no picture is that large; check the unit and the writer of this file");
}

double JsonCursor::number_within(double limit, const char* what) {
  const double value = number();
  if (!(std::fabs(value) <= limit)) fail_number(value, what);
  return value;
}

// The common spelling of a list, "1, 2.5, 3]", without a call for each token; `take` says whether it takes a value.
// Stops before what is spelled otherwise, which the general way then reads or refuses.
template <typename Take>
void JsonCursor::plain_numbers(const Take& take) {
  const char* p = position_;
  for (;;) {
    if (p < end_ && *p == ' ') ++p;
    double value = 0;
    const char* next = take_number(p, end_, value);
    if (next == nullptr || next == end_ || (*next != ',' && *next != ']') || !take(value)) return;
    position_ = next;
    fresh_ = false;
    if (*next == ']') return;
    p = next + 1;
  }
}

void JsonCursor::numbers_within(double limit, const char* what, std::vector<double>& values) {
  values.clear();
  enter_array();
  plain_numbers([&](double value) {
    if (!(std::fabs(value) <= limit)) return false;
    values.push_back(value);
    return true;
  });
  while (next_element()) values.push_back(number_within(limit, what));
}

std::int64_t JsonCursor::integer() {
  const char* before = (expect_value(), position_);
  const double value = number();
  std::int64_t exact = 0;
  const auto result = std::from_chars(before, position_, exact);
  if (result.ec == std::errc() && result.ptr == position_) return exact;
  if (std::fabs(value) <= 9007199254740992.0 && std::trunc(value) == value) return static_cast<std::int64_t>(value);
  position_ = before;
  fail("expected an integer of at most 63 bits", "write ids and counts as plain integers");
}

unsigned JsonCursor::hex4(const char*& p) {
  unsigned code = 0;
  for (int i = 0; i < 4; ++i, ++p) {
    const char c = p < end_ ? *p : '\0';
    const unsigned digit = is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 16;
    if (digit == 16) {
      position_ = p;
      fail_syntax("four hexadecimal digits");
    }
    code = code * 16 + digit;
  }
  return code;
}

void JsonCursor::decode_escape(const char*& p, std::string& out) {
  const char c = p < end_ ? *p++ : '\0';
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      position_ = p;
      fail_syntax("an escape sequence");
  }
  unsigned code = hex4(p);
  if (code >= 0xD800 && code < 0xE000) {  // half of a surrogate pair
    const bool paired = code < 0xDC00 && starts_with(p, end_, "\\u");
    if (paired) p += 2;
    const unsigned low = paired ? hex4(p) : 0;
    if (low < 0xDC00 || low >= 0xE000) {
      position_ = p;
      fail_syntax("the second half of a surrogate pair");
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code >= 0x10000) {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 63));
  } else if (code >= 0x800) {
    out += static_cast<char>(0xE0 | code >> 12);
  } else {
    out += static_cast<char>(0xC0 | code >> 6);
  }
  if (code >= 0x800) out += static_cast<char>(0x80 | (code >> 6 & 63));
  out += static_cast<char>(0x80 | (code & 63));
}

// The text between the quotes: a view of the file when nothing is escaped, otherwise of `scratch`.
std::string_view JsonCursor::raw_string(std::string& scratch) {
  const char* p = ++position_;
  bool ascii = true, escaped = false;
  scratch.clear();
  const char* copied = p;
  for (;;) {
    if (p == end_) {
      position_ = end_;
      fail_syntax("the closing quote of a string");
    }
    const unsigned char c = static_cast<unsigned char>(*p);
    if (c == '"') break;
    if (c < 0x20) {
      position_ = p;
      fail_syntax("no control character in a string");
    }
    ascii = ascii && c < 0x80;
    if (c == '\\') {
      escaped = true;
      scratch.append(copied, p);
      decode_escape(++p, scratch);
      copied = p;
    } else {
      ++p;
    }
  }
  const char* first = position_;
  if (!ascii && !simdjson::validate_utf8(first, static_cast<std::size_t>(p - first))) {
    fail("a string is not UTF-8", "convert the file to UTF-8, e.g. with iconv");
  }
  position_ = p + 1;
  if (!escaped) return std::string_view(first, static_cast<std::size_t>(p - first));
  scratch.append(copied, p);
  return scratch;
}

std::string JsonCursor::string() {
  if (expect_value() != '"') fail_type("a string");
  return std::string(raw_string(scratch_));
}

void JsonCursor::literal(std::string_view word) {
  if (!starts_with(position_, end_, word)) {
    if (cut_off(std::string_view(position_, static_cast<std::size_t>(end_ - position_)), word)) position_ = end_;
    fail_syntax("true, false or null");
  }
  position_ += word.size();
}

bool JsonCursor::boolean() {
  const char c = expect_value();
  if (c == 't' || c == 'f') {
    literal(c == 't' ? "true" : "false");
    return c == 't';
  }
  if (c == '0' || c == '1') {
    const double value = number();
    if (value == 0 || value == 1) return value == 1;
  }
  fail_type("true or false");
}

bool JsonCursor::take_null() {
  if (expect_value() != 'n') return false;
  literal("null");
  return true;
}

void JsonCursor::skip() {
  std::string_view key;
  switch (type()) {
    case Type::kObject:
      for (enter_object(); next_member(key);) skip();
      break;
    case Type::kArray:
      enter_array();
      plain_numbers([](double) { return true; });
      while (next_element()) skip();
      break;
    case Type::kString:
      raw_string(scratch_);
      break;
    case Type::kNumber:
      number();
      break;
    case Type::kBool:
      literal(*position_ == 't' ? "true" : "false");
      break;
    case Type::kNull:
      literal("null");
      break;
  }
}

void JsonCursor::finish() {
  skip_space();
  if (position_ != end_) fail_syntax("the end of the file");
}

std::optional<double> JsonCursor::optional_number(double limit, const char* what) {
  if (take_null()) return std::nullopt;
  if (type() != Type::kArray) return number_within(limit, what);
  std::optional<double> value;
  for (enter_array(); next_element();) {
    if (value) fail(std::string(what) + " has more than one value", "write one number in the list");
    value = number_within(limit, what);
  }
  return value;
}

void JsonCursor::rewind(const Mark& mark) {
  position_ = mark.position;
  depth_ = mark.depth;
  fresh_ = mark.fresh;
}

}  // namespace vepe::formats
