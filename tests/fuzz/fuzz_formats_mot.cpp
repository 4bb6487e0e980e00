#include "formats/mot.h"
#include "readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vepe::fuzz::read_both_ways(data, size,
                             [](std::string_view text, const std::string& name, const vepe::formats::ReadOptions& options) {
                               return vepe::formats::parse_mot(text, name, options);
                             });
  return 0;
}
