#include "train/metrics_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe::train {
namespace {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

constexpr const char* kColours[] = {"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"};

// One panel with axes, at most a few hundred points a line; losses are smoothed over neighbours.
std::string panel(const std::string& title, const std::vector<Series>& series, double top, bool logarithmic) {
  constexpr double kLeft = 70, kWidth = 640, kHeight = 190;
  double x_high = 1, low = INFINITY, high = -INFINITY;
  const auto value = [&](double y) { return logarithmic ? std::log10(std::max(y, 1e-8)) : y; };
  for (const Series& s : series) {
    for (const auto& [x, y] : s.points) {
      x_high = std::max(x_high, x);
      low = std::min(low, value(y));
      high = std::max(high, value(y));
    }
  }
  if (!(high > low)) low -= 0.5, high += 0.5;
  std::string svg = fmt::format("<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>\n", kLeft, top - 8, title);
  svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>\n", kLeft, top, kWidth,
                     kHeight);
  for (int tick = 0; tick <= 4; ++tick) {
    const double y = low + (high - low) * tick / 4, at = top + kHeight - kHeight * tick / 4;
    svg += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.3g}</text>\n", kLeft - 6, at + 4,
                       logarithmic ? std::pow(10, y) : y);
    svg += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#eee\"/>\n", kLeft, kLeft + kWidth, at, at);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f}</text>\n", kLeft + kWidth * tick / 4,
                       top + kHeight + 16, x_high * tick / 4);
  }
  double legend = top + 14;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    const auto& points = series[i].points;
    const std::size_t window = std::max<std::size_t>(1, points.size() / 300);
    std::string line;
    for (std::size_t begin = 0; begin < points.size(); begin += window) {
      const std::size_t end = std::min(points.size(), begin + window);
      double x = 0, y = 0;
      for (std::size_t j = begin; j < end; ++j) x += points[j].first, y += points[j].second;
      const auto n = static_cast<double>(end - begin);
      line += fmt::format("{:.1f},{:.1f} ", kLeft + kWidth * (x / n) / x_high,
                          top + kHeight - kHeight * (value(y / n) - low) / (high - low));
    }
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\"/>\n", line, colour);
    svg += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n", kLeft + kWidth + 8, legend, colour, series[i].name);
    legend += 15;
  }
  return svg;
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, std::int64_t step) : name_(path.string()) {
  std::string kept;
  if (step > 0 && std::filesystem::exists(path)) {
    std::istringstream lines(read_file(path));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.is_object() && json.value("step", std::int64_t{0}) <= step) kept += line + "\n";
    }
  }
  write_file_atomically(path, kept);
  file_.open(path, std::ios::app);
}

void MetricsLog::write(const nlohmann::json& line) {
  file_ << line.dump() << "\n" << std::flush;
  if (!file_) throw Error(ErrorCode::kOutput, name_, "cannot write", "free some space and resume");
}

std::string plot_run(const std::filesystem::path& run) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  std::map<std::string, Series> losses, validation;
  Series rate{"lr", {}};
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("step")) continue;
    const double step = json["step"].get<double>();
    if (json.contains("lr")) rate.points.emplace_back(step, json["lr"].get<double>());
    if (json.contains("loss")) {
      for (const auto& [name, value] : json["loss"].items()) {
        if (!value.is_number()) continue;
        losses[name].name = name;
        losses[name].points.emplace_back(step, value.get<double>());
      }
    }
    if (json.contains("validation")) {
      const auto& v = json["validation"];
      const std::string name = fmt::format("AP at {} px", v.value("long_side", 0));
      validation[name].name = name;
      validation[name].points.emplace_back(step, v.value("AP", 0.0));
    }
  }
  if (rate.points.empty())
    throw Error(ErrorCode::kInput, (run / "metrics.jsonl").string(), "holds no training steps", "give the folder of a run");
  const auto values = [](const std::map<std::string, Series>& map) {
    std::vector<Series> all;
    for (const auto& [name, series] : map) all.push_back(series);
    return all;
  };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"780\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"900\" height=\"780\" fill=\"white\"/>\n";
  svg += panel("loss (logarithmic) by step", values(losses), 40, true);
  svg += panel("validation AP", values(validation), 290, false);
  svg += panel("learning rate", {rate}, 540, false);
  return svg + "</svg>\n";
}

}  // namespace vepe::train
