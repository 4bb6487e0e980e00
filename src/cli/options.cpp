#include "cli/options.h"

#include <ATen/Parallel.h>

#include <thread>

#include "core/error.h"
#include "core/log.h"

namespace vepe::cli {

void add_common_options(CLI::App& command, CommonOptions& options) {
  command.add_option("--threads", options.threads, "Threads for tensors (0: all cores)")->check(CLI::Range(0, 1024));
  command.add_option("--device", options.device, "Device: cpu");
  command.add_option("--progress", options.progress, "Progress on stderr: auto, bar, plain, json or none");
  command.add_option("--log-level", options.log_level, "debug, info, warning, error or off");
  command.add_flag("-q,--quiet", options.quiet, "Warnings and errors only");
}

void apply_common_options(const CommonOptions& options) {
  set_log_level(options.quiet ? "warning" : options.log_level);
  if (options.device != "cpu") {
    throw Error(ErrorCode::kDevice, "--device", "this LibTorch has no device " + options.device,
                "use --device cpu, or build against a LibTorch with CUDA");
  }
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  at::set_num_threads(options.threads > 0 ? options.threads : cores);
}

}  // namespace vepe::cli
