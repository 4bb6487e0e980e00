#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe info [MODEL] [--size N]`: architecture, parameters, multiply-adds, joints, provenance, licence.
void add_info_command(CLI::App& app);

}  // namespace vepe::cli
