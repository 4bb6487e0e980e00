#include "cli/train.h"

#include <iostream>
#include <memory>

#include "cli/options.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "train/metrics_log.h"
#include "train/trainer.h"

namespace vepe::cli {
namespace {

struct Arguments {
  CommonOptions common;
  std::vector<std::string> recipe_and_settings;
  std::string run, plot;
  bool resume = false;
  std::int64_t stop_after = 0;
};

void run(const Arguments& arguments) {
  apply_common_options(arguments.common);
  if (!arguments.plot.empty()) {
    const std::filesystem::path picture = std::filesystem::path(arguments.plot) / "plot.svg";
    write_file_atomically(picture, train::plot_run(arguments.plot));
    std::cout << picture.string() << "\n";
    return;
  }
  if (arguments.recipe_and_settings.empty())
    throw Error(ErrorCode::kUsage, "train", "no recipe given", "name a recipe, e.g. configs/train-vepe-tiny.toml");
  if (arguments.run.empty()) throw Error(ErrorCode::kUsage, "train", "no folder for the run given", "pass -o RUN");
  const std::vector<std::string> settings(arguments.recipe_and_settings.begin() + 1, arguments.recipe_and_settings.end());
  const train::Recipe recipe = train::load_recipe(arguments.recipe_and_settings.front(), settings);
  train::TrainOptions options;
  options.run = arguments.run;
  options.resume = arguments.resume;
  options.stop_after = arguments.stop_after;
  options.progress = arguments.common.quiet ? ProgressStyle::kNone : progress_style(arguments.common.progress);
  const train::TrainResult result = train::train(recipe, options);
  if (result.finished) {
    std::cout << (options.run / "model.safetensors").string() << "\n";
    return;
  }
  if (arguments.stop_after > 0) return;
  throw Error(ErrorCode::kInterrupted, arguments.run, "stopped at step " + std::to_string(result.step), "pass --resume to go on");
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("train", "Train a model from a recipe");
  command->footer("Example: vepe train configs/train-vepe-tiny.toml schedule.steps=2000 -o runs/tiny");
  command->add_option("recipe", arguments->recipe_and_settings,
                      "Recipe (TOML), then settings section.key=value that replace its values");
  command->add_option("-o,--output", arguments->run, "Folder of the run");
  command->add_flag("--resume", arguments->resume, "Go on from the run's checkpoint");
  command->add_option("--stop-after", arguments->stop_after, "Stop and save after this many optimiser steps");
  command->add_option("--plot", arguments->plot, "Write RUN/plot.svg (losses, AP, learning rate) of this run and stop");
  add_common_options(*command, arguments->common);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
