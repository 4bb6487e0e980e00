#include "eval/metrics_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/numeric.h"
#include "formats/joints.h"

namespace vepe::eval {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHotaMain[] = {"HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "FragA"};

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json groups_json(const JointValues& values, bool skip_nan) {
  Json json;
  const auto means = group_means(values, skip_nan);
  for (int k = 0; k < kJointGroups; ++k) json[kGroupNames[k]] = number(means[k]);
  return json;
}

Json list_json(const JointValues& values) {
  Json json = Json::array();
  for (double v : values) json.push_back(number(v));
  return json;
}

// The named joint values of a set of metrics, in the order of the file.
std::vector<std::pair<std::string, const JointValues*>> joint_values(const PoseMetrics& m) {
  std::vector<std::pair<std::string, const JointValues*>> values;
  if (m.ap) values.emplace_back("ap", &m.ap->ap);
  if (m.mota) {
    values.emplace_back("mota", &m.mota->mota);
    values.emplace_back("motp", &m.mota->motp);
  }
  if (m.mota || m.ap) {
    values.emplace_back("precision", m.mota ? &m.mota->precision : &m.ap->precision);
    values.emplace_back("recall", m.mota ? &m.mota->recall : &m.ap->recall);
  }
  if (m.ap) {
    values.emplace_back("ap_precision", &m.ap->precision);
    values.emplace_back("ap_recall", &m.ap->recall);
  }
  return values;
}

Json pose_json(const PoseMetrics& m, bool strict) {
  Json json = Json::object(), joints;
  joints["names"] = formats::posetrack15().names;
  joints["names"].push_back("total");
  for (const auto& [name, values] : joint_values(m)) {
    json[name] = groups_json(*values, strict);
    joints[name] = list_json(*values);
  }
  if (m.hota) {
    for (const auto& [name, values] : pose_hota_values(*m.hota)) {
      json["hota"][name] = groups_json(values, strict);
      joints["hota"][name] = list_json(values);
    }
  }
  json["joints"] = joints;
  return json;
}

Json named_json(const NamedValues& values) {
  Json json;
  for (const auto& [name, value] : values) {
    const bool whole = std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15;
    const bool count = whole && (name.starts_with("num_") || name == "IDSW" || name == "FP" || name == "FN" || name == "Frag" ||
                                 name == "MT" || name == "PT" || name == "ML");
    json[name] = count ? Json(static_cast<std::int64_t>(value)) : number(value);
  }
  return json;
}

std::vector<double> to_row(const std::array<double, kJointGroups>& groups) { return {groups.begin(), groups.end()}; }

void add_pose_rows(std::vector<Table>& tables, const std::string& name, const PoseMetrics& m, bool strict) {
  std::size_t t = 0;
  if (m.ap) tables[t++].rows.emplace_back(name, to_row(group_means(m.ap->ap, strict)));
  if (m.mota) {
    auto row = to_row(group_means(m.mota->mota, strict));
    for (const auto* values : {&m.mota->motp, &m.mota->precision, &m.mota->recall}) row.push_back((*values)[kPoseJoints]);
    tables[t++].rows.emplace_back(name, row);
  }
  if (m.hota) {
    const auto values = pose_hota_values(*m.hota);
    auto row = to_row(group_means(values.front().second, strict));
    for (const char* field : kHotaMain) {
      if (std::string(field) == "HOTA") continue;
      row.push_back(std::find_if(values.begin(), values.end(), [&](const auto& v) {
                      return std::string(v.first) == field;
                    })->second[kPoseJoints]);
    }
    tables[t++].rows.emplace_back(name, row);
  }
}

std::string cell(double value, int decimals, TableStyle style) {
  if (std::isnan(value)) return style == TableStyle::kCsv ? "" : "-";
  if (style == TableStyle::kCsv) return fmt::format("{}", value);
  return fmt::format("{:.{}f}", value, decimals);
}

std::string escape(const std::string& text, TableStyle style) {
  std::string out;
  for (char c : text) {
    if (style == TableStyle::kLatex && std::string("_%&#$").find(c) != std::string::npos) out += '\\';
    if (style == TableStyle::kMarkdown && c == '|') out += '\\';
    out += c;
  }
  const bool quote = style == TableStyle::kCsv && out.find_first_of(",\"\n") != std::string::npos;
  if (!quote) return out;
  std::string quoted = "\"";
  for (char c : out) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

Json metrics_json(const PoseEvalResult& result) {
  Json json;
  json["protocol"] = name_of(result.protocol);
  if (result.strict_definition) json["strict_definition"] = true;
  json["total"] = pose_json(result.total, result.strict_definition);
  json["sequences"] = Json::object();
  for (const auto& s : result.sequences) json["sequences"][s.name] = pose_json(s.metrics, result.strict_definition);
  json["skipped"] = Json::array();
  for (const auto& s : result.skipped) json["skipped"].push_back(s.where + ": " + s.message);
  return json;
}

Json metrics_json(const CocoReport& report) {
  Json json;
  json["protocol"] = "coco";
  const auto values = summary_values(report.summary);
  for (const auto& [name, value] : values) json["metrics"][name] = number(value);
  if (report.resamples > 0) {
    for (int m = 0; m < 10; ++m)
      json["intervals"][values[m].first] = {number(report.intervals[m].low), number(report.intervals[m].high)};
    json["resamples"] = report.resamples;
  }
  for (const auto& k : report.keypoints.keypoints) {
    json["keypoints"][k.name] = {{"points", k.points},
                                 {"good", k.good},
                                 {"jitter", k.jitter},
                                 {"inversion", k.inversion},
                                 {"swap", k.swap},
                                 {"miss", k.miss},
                                 {"mean_similarity", k.mean_similarity},
                                 {"mean_error", k.mean_error}};
  }
  json["counts"] = {{"images", report.images},
                    {"annotations", report.annotations},
                    {"detections", report.detections},
                    {"persons", report.keypoints.persons},
                    {"matched", report.keypoints.matched}};
  return json;
}

Json metrics_json(const MotReport& report) {
  Json json;
  json["protocol"] = "mot";
  json["total"] = named_json(mot_summary(report.total));
  json["sequences"] = Json::object();
  for (const auto& [name, counts] : report.sequences) json["sequences"][name] = named_json(mot_summary(counts));
  for (const auto& [kit, values] : {std::pair{"py_motmetrics", &motmetrics_values}, std::pair{"trackeval", &trackeval_values}}) {
    json["kits"][kit]["total"] = named_json(values(report.total));
    for (const auto& [name, counts] : report.sequences) json["kits"][kit]["sequences"][name] = named_json(values(counts));
  }
  return json;
}

TableStyle table_style(const std::string& name) {
  if (name == "text") return TableStyle::kText;
  if (name == "markdown") return TableStyle::kMarkdown;
  if (name == "latex") return TableStyle::kLatex;
  if (name == "csv") return TableStyle::kCsv;
  throw Error(ErrorCode::kUsage, "--table " + name, "unknown kind of table", "use text, markdown, latex or csv");
}

std::vector<Table> metrics_tables(const PoseEvalResult& result, bool per_sequence) {
  const std::vector<std::string> groups(kGroupNames.begin(), kGroupNames.end());
  std::vector<Table> tables;
  const auto add = [&](const std::string& title, std::vector<std::string> more) {
    Table& table = tables.emplace_back(Table{title, groups, {}, 1});
    table.columns.insert(table.columns.end(), more.begin(), more.end());
  };
  if (result.total.ap) add("AP", {});
  if (result.total.mota) add("MOTA", {"MOTP", "Prec", "Rec"});
  if (result.total.hota) add("HOTA", {kHotaMain + 1, kHotaMain + std::size(kHotaMain)});
  if (per_sequence) {
    for (const auto& s : result.sequences) {
      PoseMetrics metrics = s.metrics;
      if (result.total.mota && !metrics.mota) {  // a sequence left out of MOTA keeps an empty row
        metrics.mota.emplace();
        for (JointValues* v : {&metrics.mota->mota, &metrics.mota->motp, &metrics.mota->precision, &metrics.mota->recall})
          v->fill(kNan);
      }
      add_pose_rows(tables, s.name, metrics, result.strict_definition);
    }
  }
  add_pose_rows(tables, "total", result.total, result.strict_definition);
  return tables;
}

std::vector<Table> metrics_tables(const CocoReport& report) {
  Table table{"OKS", {}, {{"value", {}}}, 4};
  for (const auto& [name, value] : summary_values(report.summary)) {
    table.columns.push_back(name);
    table.rows[0].second.push_back(value);
  }
  if (report.resamples > 0) {
    for (const char* end : {"low", "high"}) {
      auto& row = table.rows.emplace_back(std::string("95 % ") + end, std::vector<double>{});
      for (const auto& interval : report.intervals) row.second.push_back(end[0] == 'l' ? interval.low : interval.high);
    }
  }
  Table keypoints{"Keypoints, per cent of labelled points of matched persons",
                  {"good", "jitter", "inversion", "swap", "miss", "similarity"},
                  {},
                  1,
                  "keypoint"};
  for (const auto& k : report.keypoints.keypoints) {
    const double n = k.points > 0 ? static_cast<double>(k.points) : kNan;
    std::vector<double> row;
    for (auto count : {k.good, k.jitter, k.inversion, k.swap, k.miss}) row.push_back(100 * static_cast<double>(count) / n);
    row.push_back(k.points > 0 ? 100 * k.mean_similarity : kNan);
    keypoints.rows.emplace_back(k.name, row);
  }
  return {table, keypoints};
}

std::vector<Table> metrics_tables(const MotReport& report, bool per_sequence) {
  Table table{"Boxes", {}, {}, 3};
  for (const auto& [name, value] : mot_summary(report.total)) table.columns.push_back(name);
  const auto add = [&](const std::string& name, const BoxCounts& counts) {
    auto& row = table.rows.emplace_back(name, std::vector<double>{});
    for (const auto& [field, value] : mot_summary(counts)) row.second.push_back(value);
  };
  if (per_sequence) {
    for (const auto& [name, counts] : report.sequences) add(name, counts);
  }
  add("total", report.total);
  return {table};
}

int Table::decimals_of(double value) const {
  return decimals > 1 && value == std::floor(value) && std::abs(value) > 1 ? 0 : decimals;
}

std::string render(const Table& table, TableStyle style) {
  std::vector<std::vector<std::string>> cells{{style == TableStyle::kCsv ? escape(table.title, style) : ""}};
  for (const auto& column : table.columns) cells[0].push_back(escape(column, style));
  for (const auto& [name, values] : table.rows) {
    auto& row = cells.emplace_back(std::vector{escape(name, style)});
    for (double v : values) {
      row.push_back(cell(v, table.decimals_of(v), style));
    }
  }
  std::vector<std::size_t> widths(cells[0].size(), 0);
  for (const auto& row : cells) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  const char* between = style == TableStyle::kText       ? "  "
                        : style == TableStyle::kMarkdown ? " | "
                        : style == TableStyle::kLatex    ? " & "
                                                         : ",";
  std::string out;
  if (style == TableStyle::kText) out += table.title + "\n";
  if (style == TableStyle::kMarkdown) out += "**" + table.title + "**\n\n";
  if (style == TableStyle::kLatex)
    out += "% " + table.title + "\n\\begin{tabular}{l" + std::string(table.columns.size(), 'r') + "}\n";
  for (std::size_t r = 0; r < cells.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < cells[r].size(); ++c) {
      const std::string& text = cells[r][c];
      const std::string padding = style == TableStyle::kCsv ? "" : std::string(widths[c] - text.size(), ' ');
      line += (c ? between : "") + (c == 0 ? text + padding : padding + text);
    }
    if (style == TableStyle::kMarkdown) line = "| " + line + " |";
    if (style == TableStyle::kLatex) line += " \\\\";
    out += line + "\n";
    if (r == 0 && style == TableStyle::kMarkdown) {
      out += "|---|";
      for (std::size_t c = 1; c < cells[0].size(); ++c) out += "---:|";
      out += "\n";
    }
    if (r == 0 && style == TableStyle::kLatex) out += "\\hline\n";
  }
  if (style == TableStyle::kLatex) out += "\\end{tabular}\n";
  return out;
}

std::string check_minimum(const Json& metrics, const std::string& condition) {
  const std::size_t equals = condition.find('=');
  const auto refuse = [&](const std::string& why) -> Error {
    return {ErrorCode::kUsage, "--min " + condition, why,
            "write a metric of the total and its least value, as in --min ap.Total=80"};
  };
  if (equals == std::string::npos) throw refuse("has no `=`");
  double least = 0;
  const char* end = condition.data() + condition.size();
  const auto parsed = std::from_chars(condition.data() + equals + 1, end, least);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(least)) throw refuse("the value is not a number");

  const Json* at = metrics.contains("total") ? &metrics.at("total") : &metrics.at("metrics");
  const std::string path = condition.substr(0, equals);
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t dot = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, dot - begin);
    if (!at->is_object() || !at->contains(key)) throw refuse("the run has no metric " + path);
    at = &at->at(key);
    begin = dot + 1;
  }
  if (at->is_null()) return path + " is not defined for this data, want at least " + fmt::format("{}", least);
  if (!at->is_number()) throw refuse(path + " is a group of metrics, not one");
  const double value = at->get<double>();
  return value >= least ? "" : fmt::format("{} is {}, want at least {}", path, value, least);
}

}  // namespace vepe::eval
