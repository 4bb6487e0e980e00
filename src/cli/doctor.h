#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe doctor`: build, processor, libraries, threads, and a self-test of the numerics.
void add_doctor_command(CLI::App& app);

}  // namespace vepe::cli
