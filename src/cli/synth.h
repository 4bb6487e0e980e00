#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe synth -o DIR`: makes a PoseTrack18 data set of synthetic people. The callback throws vepe::Error.
void add_synth_command(CLI::App& app);

}  // namespace vepe::cli
