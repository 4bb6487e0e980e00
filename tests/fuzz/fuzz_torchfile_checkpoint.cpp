#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "checkpoint/sample_archive.h"
#include "checkpoint/torch_file.h"
#include "core/error.h"

namespace {

using vepe::checkpoint::Bytes;
using vepe::checkpoint::TorchFile;

void read(Bytes bytes) {
  try {
    const TorchFile file("input", bytes);
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.state_dict().tensors) {
      if (tensor.element_count() < 0 || tensor.size_bytes() > bytes.size() + (8u << 20)) std::abort();
      std::vector<std::byte> copy(tensor.size_bytes());
      tensor.copy_to(copy.data());  // in bounds, says ASan
      for (const std::byte byte : copy) sum += static_cast<unsigned>(byte);
    }
    volatile unsigned kept = sum;
    (void)kept;
  } catch (const vepe::Error&) {
  }
}

}  // namespace

// The input as a whole file and, because a random archive has no valid checksums, as the object inside a good archive.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read({reinterpret_cast<const std::byte*>(data), size});
  const std::string archive = vepe::checkpoint::sample::checkpoint(std::string(reinterpret_cast<const char*>(data), size));
  read(vepe::checkpoint::sample::bytes_of(archive));
  return 0;
}
