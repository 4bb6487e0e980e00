#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe eval coco|posetrack|mot`: the official metrics. Callbacks throw vepe::Error; a --min that does not hold is
// Error(kCheckFailed), after everything asked for has been written.
void add_eval_command(CLI::App& app);

}  // namespace vepe::cli
