#include "core/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe {
namespace {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

const toml::table& empty_table() {
  static const toml::table table;
  return table;
}

}  // namespace

toml::table parse_toml_text(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: line {}", name, error.source().begin.line), std::string(error.description()),
                "correct the TOML");
  }
}

toml::table parse_toml_file(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    throw Error(ErrorCode::kUsage, error.where(), error.message(), error.remedy());
  }
  return parse_toml_text(text, path.string());
}

void apply_setting(toml::table& document, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(ErrorCode::kUsage, setting, "is not a setting", "write section.key=value");
  }
  const std::string path = setting.substr(0, equals), text = setting.substr(equals + 1);
  toml::table value;
  try {
    value = toml::parse("value = " + text);
  } catch (const toml::parse_error&) {
    value.insert_or_assign("value", text);  // a bare word
  }
  toml::table* table = &document;
  std::stringstream parts(path);
  std::string part, next;
  std::getline(parts, part, '.');
  while (std::getline(parts, next, '.')) {
    if (!table->contains(part)) table->insert(part, toml::table{});
    table = (*table)[part].as_table();
    if (!table) throw Error(ErrorCode::kUsage, setting, part + " is not a section", "write section.key=value");
    part = next;
  }
  value["value"].visit([&](auto& node) { table->insert_or_assign(part, node); });
}

TableReader::TableReader(const toml::table& table, std::string name) : table_(table), name_(std::move(name)) {}

const toml::node* TableReader::find(const char* key) {
  known_.insert(key);
  return table_.get(key);
}

void TableReader::fail(const std::string& key, const std::string& message, const std::string& remedy) const {
  throw Error(ErrorCode::kUsage, name_ + ": " + key, message, remedy);
}

void TableReader::read(const char* key, bool& value) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_boolean()) fail(key, "is not true or false", "write true or false");
  value = **node->as_boolean();
}

void TableReader::read(const char* key, std::int64_t& value, std::int64_t low, std::int64_t high) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_integer()) fail(key, "is not a whole number", fmt::format("write a whole number from {} to {}", low, high));
  const std::int64_t number = **node->as_integer();
  if (number < low || number > high)
    fail(key, fmt::format("{} is out of range", number), fmt::format("write a whole number from {} to {}", low, high));
  value = number;
}

void TableReader::read(const char* key, int& value, int low, int high) {
  std::int64_t number = value;
  read(key, number, std::int64_t{low}, std::int64_t{high});
  value = static_cast<int>(number);
}

void TableReader::read(const char* key, double& value, double low, double high) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_number()) fail(key, "is not a number", fmt::format("write a number from {} to {}", low, high));
  const double number = *node->value<double>();
  if (!(number >= low && number <= high))
    fail(key, fmt::format("{} is out of range", number), fmt::format("write a number from {} to {}", low, high));
  value = number;
}

void TableReader::read(const char* key, std::string& value) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_string()) fail(key, "is not a string", "put it in quotes");
  value = **node->as_string();
}

void TableReader::read_choice(const char* key, std::string& value, const std::vector<std::string>& choices) {
  read(key, value);
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    fail(key, "unknown choice \"" + value + "\"", fmt::format("use one of {}", fmt::join(choices, ", ")));
  }
}

void TableReader::read(const char* key, std::vector<int>& value, int low, int high) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_array()) fail(key, "is not a list", "write whole numbers in brackets");
  std::vector<int> numbers;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_integer() || **item.as_integer() < low || **item.as_integer() > high) {
      fail(key, "holds something else than a whole number in range", fmt::format("write whole numbers from {} to {}", low, high));
    }
    numbers.push_back(static_cast<int>(**item.as_integer()));
  }
  value = std::move(numbers);
}

void TableReader::read(const char* key, std::vector<double>& value, double low, double high) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_array()) fail(key, "is not a list", "write numbers in brackets");
  std::vector<double> numbers;
  for (const toml::node& item : *node->as_array()) {
    const auto number = item.is_number() ? item.value<double>() : std::nullopt;
    if (!number || !(*number >= low && *number <= high))
      fail(key, "holds something else than a number in range", fmt::format("write numbers from {} to {}", low, high));
    numbers.push_back(*number);
  }
  value = std::move(numbers);
}

void TableReader::read(const char* key, std::vector<std::string>& value) {
  const toml::node* node = find(key);
  if (!node) return;
  if (!node->is_array()) fail(key, "is not a list", "write strings in brackets");
  std::vector<std::string> strings;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) fail(key, "holds something else than a string", "put each item in quotes");
    strings.push_back(**item.as_string());
  }
  value = std::move(strings);
}

TableReader TableReader::table(const char* key) {
  const toml::node* node = find(key);
  if (node && !node->is_table()) fail(key, "is not a section", fmt::format("write [{}]", key));
  return TableReader(node ? *node->as_table() : empty_table(), name_ + ": " + key);
}

void TableReader::finish() const {
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (known_.count(name)) continue;
    const auto nearest = std::min_element(known_.begin(), known_.end(), [&](const std::string& a, const std::string& b) {
      return edit_distance(a, name) < edit_distance(b, name);
    });
    fail(name, "unknown key", nearest == known_.end() ? "remove it" : "remove it or write " + *nearest);
  }
}

}  // namespace vepe
