#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

void add_ablate_command(CLI::App& app);

}  // namespace vepe::cli
