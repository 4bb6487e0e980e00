// Any bytes given to the picture reader end in a picture of the stated size or in one Error.

#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "video/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const vepe::video::Image image = vepe::video::decode_image({data, size}, "input", 1 << 20);
    const auto pixels = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    if (pixels == 0 || image.pixels.size() != pixels * 3) std::abort();
  } catch (const vepe::Error& error) {
    if (error.code() != vepe::ErrorCode::kInput) std::abort();
  }
  return 0;
}
