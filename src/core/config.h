#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace vepe {

// A TOML document, from a file or a text, with `key=value` settings of the command line laid over it.
// Throws Error(kUsage) with file and line for a syntax error.
toml::table parse_toml_file(const std::filesystem::path& path);
toml::table parse_toml_text(std::string_view text, const std::string& name);
// `setting` is "section.key=value"; the value is TOML, and a bare word is a string. Throws Error(kUsage).
void apply_setting(toml::table& document, const std::string& setting);

// Reads one TOML table into a struct, field by field. A key of another type throws Error(kUsage) at once; `finish`
// throws when the table holds a key that nobody asked for, and names the nearest known one. So a typing
// mistake in a config never passes silently.
class TableReader {
 public:
  // `name` stands in messages, e.g. "model.toml: encoder".
  TableReader(const toml::table& table, std::string name);

  // Each leaves `value` as it is when the key is absent.
  void read(const char* key, bool& value);
  void read(const char* key, int& value, int low, int high);
  void read(const char* key, std::int64_t& value, std::int64_t low, std::int64_t high);
  void read(const char* key, double& value, double low, double high);
  void read(const char* key, std::string& value);
  void read_choice(const char* key, std::string& value, const std::vector<std::string>& choices);
  void read(const char* key, std::vector<int>& value, int low, int high);
  void read(const char* key, std::vector<double>& value, double low, double high);
  void read(const char* key, std::vector<std::string>& value);

  // A sub-table; empty when absent. Call `finish` on it too.
  TableReader table(const char* key);
  bool has(const char* key) const { return table_.contains(key); }
  void finish() const;
  [[noreturn]] void fail(const std::string& key, const std::string& message, const std::string& remedy) const;

 private:
  const toml::node* find(const char* key);

  const toml::table& table_;
  std::string name_;
  std::set<std::string> known_;
};

}  // namespace vepe
