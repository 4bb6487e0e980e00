#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include "core/error.h"

namespace vepe {

void set_log_level(const std::string& level) {
  static constexpr const char* kLevels[] = {"debug", "info", "warning", "error", "off"};
  bool known = false;
  for (const char* name : kLevels) known = known || level == name;
  if (!known) throw Error(ErrorCode::kUsage, "--log-level", "unknown level " + level, "use debug, info, warning, error or off");
  auto logger = std::make_shared<spdlog::logger>("vepe", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern(level == "debug" ? "%H:%M:%S.%e %^%l%$ %v" : "%^%l%$: %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace vepe
