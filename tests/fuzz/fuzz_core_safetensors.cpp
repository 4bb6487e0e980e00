#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const vepe::SafetensorsFile file("input", reinterpret_cast<const std::byte*>(data), size);
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      const std::int64_t count = tensor.element_count();
      if (count < 0 || static_cast<std::size_t>(count) * vepe::dtype_size(tensor.dtype) != tensor.size_bytes) std::abort();
      for (std::size_t i = 0; i < tensor.size_bytes; ++i) sum += static_cast<unsigned>(tensor.data[i]);  // in bounds, says ASan
    }
    volatile unsigned kept = sum;
    (void)kept;
  } catch (const vepe::Error&) {
  }
  return 0;
}
