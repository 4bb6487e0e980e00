#include "core/error.h"

#include <algorithm>
#include <system_error>

namespace vepe {
namespace {

// Messages quote user data (file names, keys), which may hold line breaks; one error is one line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string compose(const std::string& where, const std::string& message, const std::string& remedy) {
  std::string line = where.empty() ? message : where + ": " + message;
  if (!remedy.empty()) {
    if (!line.empty() && line.back() != '.') line += '.';
    line += " Remedy: " + remedy;
  }
  return one_line(std::move(line));
}

}  // namespace

Error::Error(ErrorCode code, std::string where, std::string message, std::string remedy)
    : code_(code),
      where_(std::move(where)),
      message_(std::move(message)),
      remedy_(std::move(remedy)),
      line_(compose(where_, message_, remedy_)) {}

Error Error::at(std::string_view where) const {
  std::string place(where);
  if (!where_.empty()) place += ": " + where_;
  return Error(code_, std::move(place), message_, remedy_);
}

std::string system_message(int error_number) { return std::generic_category().message(error_number); }

}  // namespace vepe
