#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe import CKPT.pth -o MODEL [--joints K] [--queries N] [--strict] [--dry-run]`. The callback throws vepe::Error.
void add_import_command(CLI::App& app);

}  // namespace vepe::cli
