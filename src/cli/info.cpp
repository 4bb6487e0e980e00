#include "cli/info.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "cli/default_model.h"
#include "core/error.h"
#include "formats/joints.h"
#include "model/model_file.h"
#include "ops/multiply_adds.h"

namespace vepe::cli {
namespace {

struct Arguments {
  std::string model;
  int width = 0, height = 0;
};

void add_parameters(const torch::nn::Module& module, std::map<std::string, std::int64_t>& parameters) {
  for (const auto& item : module.named_parameters()) parameters[item.key().substr(0, item.key().find('.'))] += item.value().numel();
}

// The temporal phase: what it consists of, and what it costs on top of the spatial phase while one person is in sight.
void print_temporal(model::Vepe& temporal, const model::SpatialOutput& output, const model::Detections& detections) {
  const model::TemporalConfig& config = temporal.config();
  std::string parts;
  for (const auto& [on, name] :
       {std::pair(config.stpe, "STPE"), std::pair(config.icm, "instance queries"), std::pair(config.stdme, "STDME"),
        std::pair(config.stpd, "STPD"), std::pair(config.propagate, "query propagation")}) {
    if (on) parts += (parts.empty() ? "" : ", ") + std::string(name);
  }
  std::cout << fmt::format("\ntemporal phase: {} frames, {} window, {}; poses come {} frame(s) late\n", config.frames,
                           config.window, parts.empty() ? "all parts off" : parts, config.frames - 1 - config.key_position());
  const ops::MultiplyAddCounter counter;
  model::FrameFeatures frame =
      temporal.features(output, detections.query_index, detections.keypoints, detections.keypoint_scores).front();
  frame.score_logit = torch::full_like(frame.score_logit, -20);
  frame.score_logit[0] = 20;
  temporal.temporal(std::vector<model::FrameFeatures>(static_cast<std::size_t>(config.frames), frame));
  std::cout << fmt::format("  multiply-adds a frame with one person: {:.2f} G more\n", static_cast<double>(counter.count()) / 1e9);
}

void run(const Arguments& arguments) {
  const std::filesystem::path path = arguments.model.empty() ? default_model() : std::filesystem::path(arguments.model);
  const model::LoadedModel loaded = model::load_model(path);
  const model::ModelConfig& config = loaded.model->config();
  std::cout << path.string() << "\n\n";

  std::map<std::string, std::int64_t> parameters;
  std::int64_t total = 0;
  add_parameters(*loaded.model, parameters);
  if (loaded.temporal) add_parameters(*loaded.temporal, parameters);
  for (const auto& [name, count] : parameters) total += count;
  std::cout << fmt::format("parameters   {:>12}\n", total);
  for (const auto& [name, count] : parameters) std::cout << fmt::format("  {:<16} {:>8}\n", name, count);

  const int width = arguments.width > 0 ? arguments.width : config.input.long_side;
  const int height =
      arguments.height > 0 ? arguments.height : (config.input.short_side > 0 ? config.input.short_side : width * 3 / 4);
  const int multiple = std::max(1, config.input.multiple);
  const std::int64_t W = (width + multiple - 1) / multiple * multiple, H = (height + multiple - 1) / multiple * multiple;
  torch::NoGradGuard no_grad;
  const ops::MultiplyAddCounter counter;
  const auto output =
      loaded.model->forward(torch::zeros({1, 3, H, W}), torch::tensor({{static_cast<float>(H), static_cast<float>(W)}}));
  const model::Detections detections = loaded.model->detect(output, 20);
  std::cout << fmt::format("\nmultiply-adds at {}x{}: {:.2f} G (convolutions and matrix products)\n", W, H,
                           static_cast<double>(counter.count()) / 1e9);
  if (loaded.temporal) print_temporal(*loaded.temporal, output, detections);

  const formats::JointSet* joints = formats::find_joint_set(config.keypoints);
  if (joints) {
    std::cout << "\nkeypoints (" << config.keypoints << "):";
    for (const std::string& name : joints->names) std::cout << " " << name;
    std::cout << "\n";
  }
  std::cout << "\nconfig:\n" << model::write_model_config(config);
  for (const auto& [key, value] : loaded.metadata) {
    if (key != "config") std::cout << "\n" << key << ":\n" << value << "\n";
  }
}

}  // namespace

void add_info_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("info", "Say what a model file holds");
  command->footer("Example: vepe info models/vepe-tiny.safetensors --width 512 --height 384");
  command->add_option("model", arguments->model, "Model file (default: the shipped vepe-tiny)");
  command->add_option("--width", arguments->width, "Width of the input for the count of multiply-adds")
      ->check(CLI::Range(32, 8192));
  command->add_option("--height", arguments->height, "Height of the input")->check(CLI::Range(32, 8192));
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
