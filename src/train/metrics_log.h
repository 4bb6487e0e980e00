#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace vepe::train {

// metrics.jsonl of a run: one JSON object a line, each with "step". Opening at `step` drops later lines, which a run that
// was killed after its last checkpoint leaves behind. Throws Error(kOutput).
class MetricsLog {
 public:
  MetricsLog(const std::filesystem::path& path, std::int64_t step);
  void write(const nlohmann::json& line);

 private:
  std::string name_;
  std::ofstream file_;
};

// Losses, validation AP and learning rate of a run as one SVG picture. Throws Error(kInput) without metrics.jsonl.
std::string plot_run(const std::filesystem::path& run);

}  // namespace vepe::train
