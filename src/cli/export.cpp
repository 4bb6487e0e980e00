#include "cli/export.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/export.h"
#include "core/error.h"
#include "model/model_file.h"

namespace vepe::cli {
namespace {

struct Arguments {
  std::string model, out, format = "pth";
};

void run(const Arguments& arguments) {
  const model::LoadedModel loaded = model::load_model(arguments.model);
  std::vector<std::string> own_names;
  const auto state = checkpoint::public_state(*loaded.model, &own_names);
  checkpoint::write_state(arguments.out, state,
                          arguments.format == "pth" ? checkpoint::StateFormat::kTorch : checkpoint::StateFormat::kSafetensors);
  fmt::print("{}: {} tensors, {} of them under the public names\n", arguments.out, state.size(), state.size() - own_names.size());
}

}  // namespace

void add_export_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("export", "write a model's weights for Python, under the public names of PETR");
  command->add_option("model", arguments->model, "model file (.safetensors)")->required();
  command->add_option("--to", arguments->format, "file format")
      ->check(CLI::IsMember({"pth", "safetensors"}))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->out, "file to write")->required();
  command->footer(
      "example: vepe export vepe.safetensors --to pth -o vepe.pth; in Python: model.load_state_dict(torch.load('vepe.pth'))");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
