#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe train RECIPE.toml [key=value ...] -o RUN [--resume]`, `vepe train --plot RUN`.
void add_train_command(CLI::App& app);

}  // namespace vepe::cli
