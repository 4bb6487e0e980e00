#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe track POSES.jsonl -o DIR`: new ids for saved poses.
void add_track_command(CLI::App& app);

}  // namespace vepe::cli
