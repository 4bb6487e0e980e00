#include "formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe::formats {
namespace {

#ifndef MADV_POPULATE_READ  // Linux 5.14
#define MADV_POPULATE_READ 22
#endif

constexpr std::size_t kReleaseStep = std::size_t{8} << 20;

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw Error(ErrorCode::kInput, path.string(), "cannot read: " + system_message(errno), "check the path and its permissions");
  }
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (known && S_ISREG(status.st_mode) && status.st_size > 0) {
    const std::size_t size = static_cast<std::size_t>(status.st_size);
    void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping != MAP_FAILED) {
      ::madvise(mapping, size, MADV_SEQUENTIAL);
      mapping_ = mapping;
      text_ = std::string_view(static_cast<const char*>(mapping), size);
    }
  }
  ::close(descriptor);
  if (mapping_ == nullptr) {
    if (known && S_ISDIR(status.st_mode)) {
      throw Error(ErrorCode::kInput, path.string(), "is a folder, not a file",
                  "name one file, or use an option that takes folders");
    }
    copy_ = read_file(path);
    text_ = copy_;
  }
}

MappedFile::~MappedFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, text_.size());
}

void MappedFile::release_before(std::size_t offset) {
  if (mapping_ == nullptr || offset < released_ + kReleaseStep) return;
  const std::size_t end = offset / kReleaseStep * kReleaseStep;
  ::madvise(static_cast<char*>(mapping_) + released_, end - released_, MADV_DONTNEED);
  released_ = end;
  // One call for the pages to come instead of a fault every 64 KB.
  const std::size_t ahead = std::min(kReleaseStep, text_.size() - std::min(text_.size(), end + kReleaseStep));
  ::madvise(static_cast<char*>(mapping_) + end + kReleaseStep, ahead, MADV_POPULATE_READ);
}

}  // namespace vepe::formats
