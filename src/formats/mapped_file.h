#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace vepe::formats {

// A file mapped read-only for one pass from front to back. Pages behind the reader are given back, so a large file
// costs a few MB of memory and not its size. Pipes are read into memory instead.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);  // throws Error(kInput)
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view text() const { return text_; }
  // Lets go of the pages before `offset`; reading them again is allowed and loads them again.
  void release_before(std::size_t offset);

 private:
  std::string_view text_;
  std::string copy_;
  void* mapping_ = nullptr;
  std::size_t released_ = 0;
};

}  // namespace vepe::formats
