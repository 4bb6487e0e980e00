#pragma once

#include <CLI/CLI.hpp>

namespace vepe::cli {

// `vepe predict SOURCE... -o DIR`: poses and tracks of pictures and videos.
void add_predict_command(CLI::App& app);

}  // namespace vepe::cli
