#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace vepe::formats {

class MappedFile;

// The text of a number and the position behind it, or null when `text` does not start with a JSON number. NaN,
// Infinity and -Infinity, which other languages' writers emit, are read too; 1e999 becomes infinity.
const char* parse_number(const char* begin, const char* end, double& value);

// A forward-only reader of one JSON document: values are taken as they come, nothing is kept, so memory does not
// depend on the file. An index of the whole document (simdjson) needs about 8 bytes a number, which is more than
// the number's own text; large annotation files are nearly all numbers.
//
//   for (cursor.enter_object(); cursor.next_member(key);) { if (key == "id") id = cursor.integer(); else cursor.skip(); }
//   for (cursor.enter_array(); cursor.next_element();) values.push_back(cursor.number());
//
// Every member function throws Error(kInput) with where = "byte N" for wrong syntax, a value of another type, nesting
// deeper than kMaxDepth, or the end of the text. The text must outlive the cursor.
class JsonCursor {
 public:
  static constexpr int kMaxDepth = 64;
  enum class Type { kObject, kArray, kString, kNumber, kBool, kNull };

  explicit JsonCursor(std::string_view text, MappedFile* file = nullptr);

  Type type();  // of the next value, from its first character
  void enter_object();
  bool next_member(std::string_view& key);  // false at the closing brace; `key` lives until the next call
  void enter_array();
  bool next_element();  // false at the closing bracket
  double number();
  double number_within(double limit, const char* what);  // finite and |value| <= limit
  // A whole list of numbers into `values` (overwritten), each as number_within: the loop that large files spend
  // their time in.
  void numbers_within(double limit, const char* what, std::vector<double>& values);
  std::int64_t integer();  // an integral number of at most 53 bits, or 63 as plain digits
  std::string string();
  bool boolean();  // true, false, 1, 0
  bool take_null();
  void skip();    // any value, checked like the others
  void finish();  // only white space may follow

  // A number, a list of one number, or nothing ([] and null): the annolist layout wraps every value in a list.
  std::optional<double> optional_number(double limit, const char* what);

  // For a second look at a value that turned out to be wrong.
  struct Mark {
    const char* position;
    int depth;
    bool fresh;
  };
  Mark mark() const { return {position_, depth_, fresh_}; }
  void rewind(const Mark& mark);

  std::size_t next_offset() {  // of what comes after white space
    skip_space();
    return offset();
  }
  std::size_t offset() const { return static_cast<std::size_t>(position_ - begin_); }
  [[noreturn]] void fail(const std::string& message, const std::string& remedy) const;

 private:
  template <typename Take>
  void plain_numbers(const Take& take);
  void skip_space();
  char expect_value();
  [[noreturn]] void fail_number(double value, const char* what);
  [[noreturn]] void fail_type(const char* wanted);
  [[noreturn]] void fail_syntax(const char* expected);
  void push();
  std::string_view raw_string(std::string& scratch);
  void decode_escape(const char*& p, std::string& out);
  unsigned hex4(const char*& p);
  void literal(std::string_view word);

  const char* begin_;
  const char* position_;
  const char* end_;
  MappedFile* file_;
  int depth_ = 0;
  bool fresh_ = false;  // an object or array was entered and nothing of it has been read
  std::string key_scratch_, scratch_;
};

}  // namespace vepe::formats
