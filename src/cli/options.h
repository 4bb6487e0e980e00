#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace vepe::cli {

// Options that mean the same in every command. Each command keeps one of these alive as long as its CLI::App.
struct CommonOptions {
  int threads = 0;  // 0: all cores
  std::string device = "cpu";
  std::string progress = "auto";
  std::string log_level = "info";
  bool quiet = false;  // no progress, warnings and errors only
};

// --threads, --device, --progress, --log-level, --quiet
void add_common_options(CLI::App& command, CommonOptions& options);

// Log level, tensor threads, device check. Throws Error(kUsage) or Error(kDevice).
void apply_common_options(const CommonOptions& options);

}  // namespace vepe::cli
