#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace vepe {

// What went wrong, as the exit status of the command that reports it.
enum class ErrorCode {
  kCheckFailed = 1,   // a check was asked for and did not hold (`verify`, `eval --min`)
  kUsage = 2,         // options, configuration, recipe
  kInput = 3,         // an input file or stream cannot be used
  kModel = 4,         // a model file cannot be used
  kOutput = 5,        // an output cannot be written (permissions, full disk)
  kMemory = 6,        // out of memory
  kDevice = 7,        // the asked-for device is not there
  kInterrupted = 130  // SIGINT or SIGTERM
};

// The only exception type that the library throws. One line for the user: "where: message. Remedy: remedy".
class Error : public std::exception {
 public:
  // `where` names file, frame, key or byte ("clip.mp4: frame 412"); it and `remedy` may be empty.
  Error(ErrorCode code, std::string where, std::string message, std::string remedy = "");

  ErrorCode code() const { return code_; }
  int exit_status() const { return static_cast<int>(code_); }
  const std::string& where() const { return where_; }
  const std::string& message() const { return message_; }
  const std::string& remedy() const { return remedy_; }
  const char* what() const noexcept override { return line_.c_str(); }

  // The same error seen from further out: `where` is put before the present place.
  Error at(std::string_view where) const;

 private:
  ErrorCode code_;
  std::string where_, message_, remedy_, line_;
};

// The text of errno, for messages about files ("No space left on device").
std::string system_message(int error_number);

}  // namespace vepe
