#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace vepe {
namespace {

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

ProgressStyle progress_style(const std::string& name) {
  if (name == "auto") return ::isatty(STDERR_FILENO) ? ProgressStyle::kBar : ProgressStyle::kPlain;
  if (name == "bar") return ProgressStyle::kBar;
  if (name == "plain") return ProgressStyle::kPlain;
  if (name == "json") return ProgressStyle::kJson;
  if (name == "none") return ProgressStyle::kNone;
  throw Error(ErrorCode::kUsage, "--progress", "unknown style " + name, "use auto, bar, plain, json or none");
}

Progress::Progress(ProgressStyle style, std::string task, std::string unit, std::int64_t total, std::int64_t done)
    : style_(style),
      task_(std::move(task)),
      unit_(std::move(unit)),
      total_(total),
      before_(done),
      done_(done),
      start_(std::chrono::steady_clock::now()),
      printed_(start_) {}

Progress::~Progress() { finish(); }

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  const auto now = std::chrono::steady_clock::now();
  const auto interval = style_ == ProgressStyle::kPlain ? std::chrono::milliseconds(5000) : std::chrono::milliseconds(200);
  if (now - printed_ < interval) return;
  printed_ = now;
  print(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  print(true);
}

void Progress::print(bool last) {
  if (style_ == ProgressStyle::kNone) return;
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - before_) / elapsed : 0.0;
  const double left = total_ > 0 && rate > 0 ? static_cast<double>(total_ - done_) / rate : 0.0;
  if (style_ == ProgressStyle::kJson) {
    nlohmann::json line = {{"task", task_},        {"done", done_},      {"unit", unit_},
                           {"elapsed_s", elapsed}, {"per_second", rate}, {"finished", last}};
    if (total_ > 0) line["total"] = total_, line["left_s"] = left;
    if (!note_.empty()) line["note"] = note_;
    std::fputs((line.dump() + "\n").c_str(), stderr);
    return;
  }
  std::string text = task_ + ": " + std::to_string(done_);
  if (total_ > 0) text += "/" + std::to_string(total_);
  text += fmt::format(" {}, {:.1f}/s, {}", unit_, rate, clock_text(elapsed));
  if (total_ > 0 && !last) text += " (" + clock_text(left) + " left)";
  if (!note_.empty()) text += ", " + note_;
  if (style_ == ProgressStyle::kPlain) {
    std::fputs((text + "\n").c_str(), stderr);
    return;
  }
  if (total_ > 0) {
    const int filled = static_cast<int>(std::clamp<std::int64_t>(done_ * 24 / total_, 0, 24));
    text = "[" + std::string(static_cast<std::size_t>(filled), '=') + std::string(static_cast<std::size_t>(24 - filled), ' ') +
           "] " + text;
  }
  std::fputs(("\r\033[K" + text + (last ? "\n" : "")).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace vepe
