#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe verify --model M --reference io.safetensors`: a user's way to check a port, stage by stage.
void add_verify_command(CLI::App& app);

}  // namespace vepe::cli
