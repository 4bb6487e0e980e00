#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe convert IN OUT --from F --to F`: poses from one file format to another. The callback throws vepe::Error.
void add_convert_command(CLI::App& app);

}  // namespace vepe::cli
