#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace vepe {

// Messages for people go to stderr through spdlog's default logger; stdout is for machine output.
// `level`: "debug", "info", "warning", "error" or "off". Throws Error(kUsage) for another word.
void set_log_level(const std::string& level);

}  // namespace vepe
