#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace vepe {

// Writes a file under a temporary name in the same folder and renames it on `commit`: a killed run leaves the
// old file or the new one, never half of it. Without `commit` the destructor removes the temporary file.
class AtomicFile {
 public:
  // Throws Error(kOutput) when the folder is not there or not writable.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size);  // throws Error(kOutput), e.g. on a full disk
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();  // flush to disk, rename

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

// The whole of `text` as the new content of `path`.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// The whole content of a file; throws Error(kInput).
std::string read_file(const std::filesystem::path& path);

// Makes `folder` and its parents; throws Error(kOutput) if something that is not a folder is in the way.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace vepe
