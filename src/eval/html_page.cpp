#include "eval/html_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vepe::eval {
namespace {

constexpr const char* kStyle = R"css(
:root{--ink:#1c2430;--soft:#5d6b7c;--paper:#fff;--line:#d9dfe7;--good:#1f8a70;--bad:#d1603d;--card:#f5f7fa}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa8b8;--paper:#151a21;--line:#333d4a;--good:#3fbf9b;--bad:#ef8a62;--card:#1d242d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1100px;padding:24px;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 10px}h3{font-size:15px;margin:20px 0 6px}p{margin:6px 0;color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}
th,td{padding:4px 9px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left}
th{cursor:pointer;color:var(--soft);user-select:none}th[data-order]::after{content:" \2193"}th[data-order="1"]::after{content:" \2191"}
tr.total td{font-weight:600;border-top:2px solid var(--line)}
.pair{display:flex;flex-wrap:wrap;gap:28px}.pair>div{flex:1 1 300px;min-width:0}
svg{max-width:100%;height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}
.good{fill:var(--good)}.bad{fill:var(--bad)}.axis{stroke:var(--line)}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:12px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:6px;overflow:hidden}figure svg{display:block;width:100%}
figcaption{padding:6px 8px;font-size:12px;color:var(--soft)}details{margin:8px 0}summary{cursor:pointer;font-weight:600}
.gt{stroke:#2fae66;fill:#2fae66}.dt{stroke:#f07b2e;fill:#f07b2e}.key b{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 12px}
)css";

constexpr const char* kScript = R"js(
(function(){
function value(row,column){var cell=row.cells[column];var number=parseFloat(cell.textContent);return column===0?cell.textContent:(isNaN(number)?-Infinity:number)}
function sort(table,column,order){
  var body=table.tBodies[0],rows=Array.prototype.slice.call(body.rows);
  rows.sort(function(a,b){var x=value(a,column),y=value(b,column);return (x<y?-1:x>y?1:0)*order});
  rows.forEach(function(row){body.appendChild(row)});
  Array.prototype.forEach.call(table.tHead.rows[0].cells,function(cell,i){if(i===column)cell.dataset.order=order;else delete cell.dataset.order});
}
var tables=document.querySelectorAll('table');
tables.forEach(function(table){Array.prototype.forEach.call(table.tHead.rows[0].cells,function(cell,column){
  cell.addEventListener('click',function(){sort(table,column,cell.dataset.order==='-1'||(column===0&&!cell.dataset.order)?1:-1)})})});
var wanted=/^#sort=(-?)(\d+)$/.exec(location.hash);
if(wanted&&tables.length)sort(tables[0],+wanted[2],wanted[1]?-1:1);
document.documentElement.dataset.ready=tables.length;
})();
)js";

const char* const kCurveColours[] = {"#1f8a70", "#d1603d", "#4a6fd4", "#b8860b", "#8e5bbf", "#5d6b7c"};

}  // namespace

std::string html_escape(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_page(const std::string& title, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
         "<title>" +
         html_escape(title) + "</title><style>" + kStyle + "</style></head>\n<body><h1>" + html_escape(title) + "</h1>\n" + body +
         "<script>" + kScript + "</script></body></html>\n";
}

std::string html_section(const std::string& title, const std::string& body) {
  return "<section><h2>" + html_escape(title) + "</h2>\n" + body + "</section>\n";
}

std::string html_table(const Table& table) {
  std::string html = "<div class=\"scroll\"><table><thead><tr><th>" + html_escape(table.name_column) + "</th>";
  for (const auto& column : table.columns) html += "<th>" + html_escape(column) + "</th>";
  html += "</tr></thead>";
  std::string body, foot;
  for (const auto& [name, values] : table.rows) {
    const bool total = name == "total";
    std::string row = std::string("<tr") + (total ? " class=\"total\"" : "") + "><td>" + html_escape(name) + "</td>";
    for (double v : values) row += std::isnan(v) ? "<td>-</td>" : fmt::format("<td>{:.{}f}</td>", v, table.decimals_of(v));
    (total ? foot : body) += row + "</tr>\n";
  }
  return html + "<tbody>" + body + "</tbody><tfoot>" + foot + "</tfoot></table></div>\n";
}

std::string html_bars(const std::vector<std::pair<std::string, double>>& values, double top, int decimals) {
  constexpr int kRow = 22, kLabel = 130, kWidth = 480, kBar = 280;
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\">", kWidth, kRow * values.size() + 4, kWidth);
  int y = 0;
  for (const auto& [name, value] : values) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kLabel - 8, y + 15, html_escape(name));
    svg += fmt::format("<line class=\"axis\" x1=\"{0}\" x2=\"{0}\" y1=\"{1}\" y2=\"{2}\"/>", kLabel, y, y + kRow);
    if (!std::isnan(value)) {
      const double length = std::clamp(value / top, -0.2, 1.0) * kBar;
      svg += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"14\" rx=\"2\"/>",
                         value < 0 ? "bad" : "good", length < 0 ? kLabel : kLabel + 0.0, y + 4, std::abs(length));
      svg += fmt::format("<text class=\"soft\" x=\"{:.1f}\" y=\"{}\">{:.{}f}</text>", kLabel + std::abs(length) + 6, y + 15, value,
                         decimals);
    } else {
      svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\">not defined</text>", kLabel + 6, y + 15);
    }
    y += kRow;
  }
  return svg + "</svg>\n";
}

std::string html_histogram(const std::vector<double>& good, const std::vector<double>& bad, double low, double high) {
  constexpr double kWidth = 480, kHeight = 150, kLeft = 8;
  double most = 1;
  for (std::size_t i = 0; i < good.size(); ++i) most = std::max(most, good[i] + bad[i]);
  const double step = (kWidth - 2 * kLeft) / static_cast<double>(good.size());
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\">", kWidth, kHeight + 22, kWidth);
  for (std::size_t i = 0; i < good.size(); ++i) {
    const double x = kLeft + step * static_cast<double>(i), g = good[i] / most * kHeight, b = bad[i] / most * kHeight;
    svg += fmt::format(
        "<rect class=\"good\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{} right</title></rect>", x,
        kHeight - g, step - 1, g, good[i]);
    svg += fmt::format(
        "<rect class=\"bad\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>{} wrong</title></rect>", x,
        kHeight - g - b, step - 1, b, bad[i]);
  }
  svg += fmt::format("<line class=\"axis\" x1=\"0\" x2=\"{0}\" y1=\"{1}\" y2=\"{1}\"/>", kWidth, kHeight);
  svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\">{:.3g}</text>", kLeft, kHeight + 16, low);
  svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.3g}</text></svg>\n", kWidth - kLeft,
                     kHeight + 16, high);
  return "<p class=\"key\"><b style=\"background:var(--good)\"></b>right<b style=\"background:var(--bad)\"></b>wrong</p>" + svg;
}

std::string html_curves(const std::vector<double>& x, const std::vector<Curve>& curves, const std::string& x_name,
                        const std::string& y_name) {
  constexpr double kWidth = 480, kHeight = 260, kLeft = 40, kBottom = 36, kTop = 10;
  const auto px = [&](double v) { return kLeft + (v - x.front()) / (x.back() - x.front()) * (kWidth - kLeft - 10); };
  const auto py = [&](double v) { return kTop + (1 - v) * (kHeight - kBottom - kTop); };
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\">", kWidth, kHeight, kWidth),
              key = "<p class=\"key\">";
  for (double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft, kWidth - 10, py(tick),
                       py(tick));
    svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, py(tick) + 4, tick);
  }
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const char* colour = kCurveColours[c % std::size(kCurveColours)];
    std::string points;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isfinite(curves[c].y[i]))
        points += fmt::format("{:.1f},{:.1f} ", px(x[i]), py(std::clamp(curves[c].y[i], 0.0, 1.0)));
    }
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>", points, colour);
    key += fmt::format("<b style=\"background:{}\"></b>{}", colour, html_escape(curves[c].name));
  }
  svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\">{:.2g}</text>", kLeft, kHeight - 20, x.front());
  svg +=
      fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.2g}</text>", kWidth - 10, kHeight - 20, x.back());
  svg += fmt::format("<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{} (across), {} (up)</text></svg>\n",
                     kWidth / 2, kHeight - 6, html_escape(x_name), html_escape(y_name));
  return key + "</p>" + svg;
}

}  // namespace vepe::eval
