#include "formats/text_sink.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace vepe::formats {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 20;

void append_code_unit(std::string& out, unsigned code) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[code >> 4 & 15];
  out += kHex[code & 15];
}

}  // namespace

TextBuilder& TextBuilder::number(double value, int decimals) {
  if (!std::isfinite(value)) {
    throw Error(ErrorCode::kOutput, "", "a number to be written is not finite", "leave the person out, or check the model");
  }
  char digits[400];  // the largest double has 309 digits before the point
  std::to_chars_result result{};
  if (decimals < 0) {
    result = std::to_chars(digits, digits + sizeof digits, value);
  } else {
    result = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, std::min(decimals, 17));
  }
  std::string_view text(digits, static_cast<std::size_t>(result.ptr - digits));
  if (decimals > 0) {
    text.remove_suffix(text.size() - 1 - text.find_last_not_of('0'));
    if (text.back() == '.') text.remove_suffix(1);
  }
  buffer_ += text == "-0" ? "0" : text;
  return *this;
}

TextBuilder& TextBuilder::integer(std::int64_t value) {
  buffer_ += std::to_string(value);
  return *this;
}

TextBuilder& TextBuilder::quoted(std::string_view value) {
  const bool utf8 = simdjson::validate_utf8(value.data(), value.size());
  buffer_ += '"';
  for (const char c : value) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      buffer_ += '\\';
      buffer_ += c;
    } else if (byte < 0x20 || byte == 0x7f || (!utf8 && byte >= 0x80)) {
      append_code_unit(buffer_, byte);
    } else {
      buffer_ += c;
    }
  }
  buffer_ += '"';
  return *this;
}

TextBuilder& TextBuilder::box(const Box& box, int decimals) {
  text("[").number(box.x, decimals).text(", ").number(box.y, decimals).text(", ");
  return number(box.width, decimals).text(", ").number(box.height, decimals).text("]");
}

void TextSink::flush_if_large() {
  if (buffer().size() < kBufferSize) return;
  file_.write(buffer());
  buffer().clear();
}

void TextSink::commit() {
  file_.write(buffer());
  buffer().clear();
  file_.commit();
}

RecordSpool::~RecordSpool() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RecordSpool::add(std::string_view record) {
  buffer_ += record;
  buffer_ += '\n';
  ++count_;
  if (buffer_.size() >= kBufferSize) spill();
}

void RecordSpool::spill() {
  if (descriptor_ < 0) {
    std::string name = (folder_ / ".records-XXXXXX").string();
    descriptor_ = ::mkstemp(name.data());
    if (descriptor_ >= 0) ::unlink(name.c_str());
  }
  for (std::size_t done = 0; done < buffer_.size();) {
    const ssize_t written = descriptor_ < 0 ? -1 : ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (written < 0 && (descriptor_ < 0 || errno != EINTR)) {
      throw Error(ErrorCode::kOutput, folder_.string(), "cannot write: " + system_message(errno),
                  "free some space or choose another folder");
    }
    if (written > 0) done += static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void RecordSpool::copy_to(TextSink& sink, std::string_view suffix) {
  const auto copy = [&](std::string_view chunk) {
    for (std::size_t begin = 0; begin < chunk.size();) {
      const std::size_t end = chunk.find('\n', begin);
      sink.text(chunk.substr(begin, end - begin));
      if (end == std::string_view::npos) break;
      sink.text(suffix);
      if (--count_ > 0) sink.text(",\n");
      begin = end + 1;
    }
    sink.flush_if_large();
  };
  if (descriptor_ >= 0) {
    std::string chunk(kBufferSize, '\0');
    ::lseek(descriptor_, 0, SEEK_SET);
    for (ssize_t size = 0; (size = ::read(descriptor_, chunk.data(), chunk.size())) != 0;) {
      if (size < 0 && errno == EINTR) continue;
      if (size < 0)
        throw Error(ErrorCode::kOutput, folder_.string(), "cannot read back: " + system_message(errno), "check the disk");
      copy(std::string_view(chunk.data(), static_cast<std::size_t>(size)));
    }
  }
  copy(buffer_);
  buffer_.clear();
}

}  // namespace vepe::formats
