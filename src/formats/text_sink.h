#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/atomic_file.h"
#include "formats/pose_data.h"

namespace vepe::formats {

// Inside formats/ only. Appends JSON and CSV pieces to a text.
class TextBuilder {
 public:
  TextBuilder& text(std::string_view piece) {
    buffer_ += piece;
    return *this;
  }
  // The shortest text that reads back as the same double (decimals < 0), or rounded, without trailing zeros.
  // Throws Error(kOutput) without a place when `value` is not finite: no format can hold it.
  TextBuilder& number(double value, int decimals = -1);
  TextBuilder& integer(std::int64_t value);
  TextBuilder& quoted(std::string_view value);  // as a JSON string; bytes that are not UTF-8 become U+00XX
  TextBuilder& boolean(bool value) { return text(value ? "true" : "false"); }
  TextBuilder& box(const Box& box, int decimals);  // [x, y, w, h]

  std::string& buffer() { return buffer_; }

 private:
  std::string buffer_;
};

// Buffered output to a file that appears under its name on `commit` only.
class TextSink : public TextBuilder {
 public:
  explicit TextSink(const std::filesystem::path& path) : path_(path), file_(path) {}

  void flush_if_large();
  void commit();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  AtomicFile file_;
};

// Text that has to stand behind something else in the file: kept in memory while small, then in an unnamed file of
// the same folder. Records are separated by line feeds.
class RecordSpool {
 public:
  explicit RecordSpool(const std::filesystem::path& folder) : folder_(folder) {}
  ~RecordSpool();
  RecordSpool(const RecordSpool&) = delete;
  RecordSpool& operator=(const RecordSpool&) = delete;

  void add(std::string_view record);
  std::int64_t count() const { return count_; }
  // All records, each with `suffix` behind it, joined by ",\n".
  void copy_to(TextSink& sink, std::string_view suffix);

 private:
  void spill();

  std::filesystem::path folder_;
  std::string buffer_;
  int descriptor_ = -1;
  std::int64_t count_ = 0;
};

}  // namespace vepe::formats
