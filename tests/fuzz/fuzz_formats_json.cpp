#include <simdjson.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.h"
#include "formats/json_cursor.h"

// Our cursor and simdjson must agree on what JSON is, where the documents of both are the same: no NaN or Infinity
// (an extension of ours), no byte order mark, no depth beyond ours, no integer that simdjson refuses as too big.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  bool ours = true;
  try {
    vepe::formats::JsonCursor cursor(text);
    cursor.skip();
    cursor.finish();
  } catch (const vepe::Error& error) {
    ours = false;
    if (error.message().find("nested deeper") != std::string::npos) return 0;
  }
  if (text.find("NaN") != std::string::npos || text.find("Infinity") != std::string::npos || text.starts_with("\xEF\xBB\xBF"))
    return 0;
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const simdjson::error_code code = parser.parse(text).get(element);
  if (code == simdjson::NUMBER_ERROR) return 0;
  if (ours != (code == simdjson::SUCCESS)) std::abort();
  return 0;
}
