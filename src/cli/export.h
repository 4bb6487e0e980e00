#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe export MODEL --to pth|safetensors -o OUT`. The callback throws vepe::Error.
void add_export_command(CLI::App& app);

}  // namespace vepe::cli
