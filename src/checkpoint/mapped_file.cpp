#include "checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"

namespace vepe::checkpoint {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const std::string name = path.string();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw Error(ErrorCode::kInput, name, "cannot read: " + system_message(errno), "check the path and its permissions");
  struct stat status {};
  void* address = MAP_FAILED;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    size_ = static_cast<std::size_t>(status.st_size);
    address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  ::close(descriptor);
  if (address == MAP_FAILED) throw Error(ErrorCode::kInput, name, "is empty or not a regular file", "check the path");
  address_ = address;
}

void MappedFile::release_pages() const { ::madvise(address_, size_, MADV_DONTNEED); }

MappedFile::~MappedFile() { ::munmap(address_, size_); }

}  // namespace vepe::checkpoint
