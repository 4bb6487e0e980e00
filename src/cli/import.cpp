#include "cli/import.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/import.h"
#include "core/error.h"
#include "model/model_file.h"

namespace vepe::cli {
namespace {

struct Arguments {
  std::string checkpoint, out;
  checkpoint::ImportOptions options;
  bool dry_run = false;
};

// "encoder" of "encoder.layers.0.norm1.weight".
std::string part_of(const std::string& name) { return name.substr(0, name.find('.')); }

void print_list(const char* title, const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  if (names.empty()) return;
  fmt::print("{} ({}):\n", title, names.size());
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) fmt::print("  {}\n", names[i]);
  if (names.size() > kShown) fmt::print("  ... and {} more\n", names.size() - kShown);
}

void print_report(const std::string& file, const checkpoint::ImportReport& report, const model::ModelConfig& config) {
  fmt::print("{}: {}{}\n", file, report.family, report.root.empty() ? "" : ", entry " + report.root);
  fmt::print("model: {}, {} ({}) keypoints, {} queries, {} + {} + {} layers, {} channels\n", config.backbone.type,
             config.keypoint_count, config.keypoints, config.proposals.queries, config.encoder.layers, config.pose_decoder.layers,
             config.joint_decoder.layers, config.channels);
  std::map<std::string, std::pair<int, int>> parts;
  for (const auto& tensor : report.mapped) ++parts[part_of(tensor.ours)].first;
  for (const auto& name : report.initialised) ++parts[part_of(name)].second;
  fmt::print("\n{:<16}{:>8}{:>13}\n", "part", "mapped", "initialised");
  for (const auto& [part, counts] : parts) fmt::print("{:<16}{:>8}{:>13}\n", part, counts.first, counts.second);
  fmt::print("{:<16}{:>8}{:>13}\n\n", "all", report.mapped.size(), report.initialised.size());
  for (const std::string& cut : report.cuts) fmt::print("cut: {}\n", cut);
  print_list("initialised with random numbers", report.initialised);
  print_list("ignored, of no use here", report.ignored);
  print_list("left out, unknown", report.unknown);
}

void run(const Arguments& arguments) {
  if (arguments.out.empty() && !arguments.dry_run) {
    throw Error(ErrorCode::kUsage, "vepe import", "no output is named", "give -o MODEL.safetensors, or --dry-run to look only");
  }
  const checkpoint::TorchFile file{std::filesystem::path(arguments.checkpoint)};
  const checkpoint::ImportedModel imported = checkpoint::import_checkpoint(file, arguments.options);
  print_report(arguments.checkpoint, imported.report, imported.model->config());
  if (arguments.dry_run) return;
  const std::string source = std::filesystem::path(arguments.checkpoint).filename().string();
  std::string note = fmt::format("imported from {}: {}", source, imported.report.family);
  for (const std::string& cut : imported.report.cuts) note += "; " + cut;
  if (!imported.report.initialised.empty())
    note += fmt::format("; {} tensors initialised, train before use", imported.report.initialised.size());
  model::save_model(arguments.out, *imported.model, nullptr, {{"provenance", note}}, /*half=*/false);
  fmt::print("wrote {}\n", arguments.out);
}

}  // namespace

void add_import_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("import", "make a model from a public PyTorch checkpoint (PETR, ResNet, HRNet, Swin)");
  command->add_option("checkpoint", arguments->checkpoint, "a .pth file that torch.save wrote; nothing in it is executed")
      ->required();
  command->add_option("-o,--output", arguments->out, "model file to write (.safetensors)");
  command
      ->add_option("--joints", arguments->options.keypoints,
                   "keypoints of the new model: 15 (PoseTrack) or 17 (COCO); as the checkpoint if left out")
      ->check(CLI::IsMember({15, 17}));
  command->add_option("--queries", arguments->options.queries, "keep the first N queries")->check(CLI::Range(1, 5000));
  command->add_option("--entry", arguments->options.entry,
                      "entry of the file to read, e.g. ema_state_dict; the usual one if left out");
  command->add_flag("--strict", arguments->options.strict,
                    "refuse tensors without a place and tensors of the model without a source");
  command->add_flag("--dry-run", arguments->dry_run, "print the table, write nothing");
  command->footer("example: vepe import petr_r50_16x2_100e_coco.pth -o petr.safetensors --joints 15 --queries 100");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
