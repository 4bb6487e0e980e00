#pragma once

#include <string>
#include <utility>
#include <vector>

#include "eval/metrics_output.h"

namespace vepe::eval {

std::string html_escape(const std::string& text);

// Pieces of a self-contained report page: no links to other files, works offline, light and dark.
// The page: title, `body`, style and the script that sorts tables (a click on a header; `#sort=3` in the address sorts
// the first table by column 3, `#sort=-3` downwards).
std::string html_page(const std::string& title, const std::string& body);

std::string html_section(const std::string& title, const std::string& body);
std::string html_table(const Table& table);

// Horizontal bars; NaN leaves the bar out. `top` is the value of a full bar.
std::string html_bars(const std::vector<std::pair<std::string, double>>& values, double top, int decimals = 1);

// Two histograms over the same bins, stacked; `low` and `high` are the ends of the axis.
std::string html_histogram(const std::vector<double>& good, const std::vector<double>& bad, double low, double high);

// Curves over a common x, each [n] in y_low .. y_high.
struct Curve {
  std::string name;
  std::vector<double> y;
};
std::string html_curves(const std::vector<double>& x, const std::vector<Curve>& curves, const std::string& x_name,
                        const std::string& y_name);

}  // namespace vepe::eval
