#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace vepe::checkpoint {

// A file mapped read-only into memory for the life of the object.
class MappedFile {
 public:
  // Throws Error(kInput) when it cannot be read, is empty, or is not a regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return static_cast<const std::byte*>(address_); }
  std::size_t size() const { return size_; }
  void release_pages() const;  // out of memory until they are read again

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vepe::checkpoint
