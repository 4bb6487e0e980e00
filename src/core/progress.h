#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vepe {

// How long work reports itself on stderr: a bar on a terminal, a line every few seconds elsewhere, JSON lines
// for programs, or nothing.
enum class ProgressStyle { kBar, kPlain, kJson, kNone };

// `name`: "auto" (a bar on a terminal, else plain), "bar", "plain", "json", "none". Throws Error(kUsage).
ProgressStyle progress_style(const std::string& name);

class Progress {
 public:
  // `total` = 0 when it is not known (a pipe, a camera). `done` of it were done before, by an earlier run.
  Progress(ProgressStyle style, std::string task, std::string unit, std::int64_t total, std::int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::int64_t done, const std::string& note = "");  // prints at most a few times a second
  void finish();                                                 // prints the last state

 private:
  void print(bool last);

  ProgressStyle style_;
  std::string task_, unit_, note_;
  std::int64_t total_, before_, done_;
  std::chrono::steady_clock::time_point start_, printed_;
  bool finished_ = false;
};

}  // namespace vepe
