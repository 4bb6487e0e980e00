#include "cli/ablate.h"

#include <iostream>
#include <memory>

#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "train/ablation.h"

namespace vepe::cli {
namespace {

struct Arguments {
  CommonOptions common;
  std::vector<std::string> config_and_settings;
  std::string folder;
};

void run(const Arguments& arguments) {
  apply_common_options(arguments.common);
  const std::vector<std::string> settings(arguments.config_and_settings.begin() + 1, arguments.config_and_settings.end());
  const train::AblationConfig config = train::load_ablation_config(arguments.config_and_settings.front(), settings);
  const ProgressStyle progress = arguments.common.quiet ? ProgressStyle::kNone : progress_style(arguments.common.progress);
  const std::string tables = train::ablation_tables(train::run_ablation(config, arguments.folder, progress));
  write_file_atomically(std::filesystem::path(arguments.folder) / "tables.md", tables);
  std::cout << tables;
}

}  // namespace

void add_ablate_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("ablate", "Train and compare the parts of the temporal phase (the paper's Tables 2 and 3)");
  command->footer(
      "Example: vepe ablate configs/ablation.toml -o runs/ablation\nGive the same command again to go on after an interrupt: finished runs are kept.");
  command->add_option("config", arguments->config_and_settings, "Ablation (TOML), then settings key=value that replace its values")
      ->required();
  command->add_option("-o,--output", arguments->folder, "Folder of the runs; tables.md is written there")->required();
  add_common_options(*command, arguments->common);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
