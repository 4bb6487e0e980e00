#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "core/error.h"

namespace vepe::checkpoint {

static_assert(std::endian::native == std::endian::little, "the readers copy little-endian numbers as they are");

// Bytes of a file with bounds-checked access. `where` names the file in errors.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool contains(std::size_t offset, std::size_t count) const { return offset <= size_ && count <= size_ - offset; }

  // The part [offset, offset + count); the caller has checked `contains`.
  Bytes part(std::size_t offset, std::size_t count) const { return {data_ + offset, count}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  // A little-endian number at `offset`; the caller has checked `contains`.
  template <typename Number>
  Number number(std::size_t offset) const {
    Number value;
    std::memcpy(&value, data_ + offset, sizeof value);
    return value;
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vepe::checkpoint
