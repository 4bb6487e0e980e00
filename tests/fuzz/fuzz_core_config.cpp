#include <algorithm>
#include <string>
#include <string_view>

#include "core/config.h"
#include "core/error.h"

// The first line is a `--set` argument, the rest a TOML document.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  try {
    toml::table document = vepe::parse_toml_text(text.substr(std::min(line + 1, text.size())), "input");
    vepe::apply_setting(document, std::string(text.substr(0, line)));
    vepe::TableReader reader(document, "input");
    int number = 0;
    std::string word;
    std::vector<double> list;
    reader.read("a", number, -5, 5);
    reader.read("b", word);
    reader.read("c", list, -1, 1);
    reader.finish();
  } catch (const vepe::Error&) {
  }
  return 0;
}
