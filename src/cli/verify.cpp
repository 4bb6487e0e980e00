#include "cli/verify.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <iostream>
#include <memory>

#include "cli/options.h"
#include "core/error.h"
#include "model/model_file.h"

namespace vepe::cli {
namespace {

struct Arguments {
  CommonOptions common;
  std::string model, reference;
  double tolerance = 1e-4;
};

// "112,144" of a metadata entry img_shapeB, else the whole canvas.
torch::Tensor real_sizes(const SafetensorsFile& file, const torch::Tensor& image) {
  torch::Tensor sizes = torch::empty({image.size(0), 2});
  for (std::int64_t b = 0; b < image.size(0); ++b) {
    float height = static_cast<float>(image.size(2)), width = static_cast<float>(image.size(3));
    const auto entry = file.metadata().find("img_shape" + std::to_string(b));
    if (entry != file.metadata().end() && std::sscanf(entry->second.c_str(), "%f,%f", &height, &width) != 2) {
      throw Error(ErrorCode::kInput, file.name() + ": __metadata__." + entry->first, "is not \"height,width\"",
                  "write for example 112,144");
    }
    sizes[b][0] = height;
    sizes[b][1] = width;
  }
  return sizes;
}

// Stages of the joint decoder and detections of one image, under the names "stage.imageB.rest" of the reference.
void add_per_image(model::SpatialModel& network, const model::SpatialOutput& output, const torch::Tensor& sizes,
                   model::Stages& stages) {
  model::Stages own;
  const std::int64_t queries = output.pose_layers.back().score_logit.size(1);
  const model::Detections detections = network.detect(output, queries, &own);
  for (std::int64_t b = 0; b < sizes.size(0); ++b) {
    const std::string image = ".image" + std::to_string(b);
    for (const auto& [name, tensor] : own) {
      const std::size_t dot = name.find('.');
      stages[name.substr(0, dot) + image + name.substr(dot)] = tensor[b];
    }
    stages["detections" + image + ".score"] = detections.scores[b];
    stages["detections" + image + ".query_index"] = detections.query_index[b];
    const torch::Tensor keypoints = detections.keypoints[b] * sizes[b].flip(0);  // pixels
    stages["detections" + image + ".keypoints"] = keypoints;
    stages["detections" + image + ".box"] = torch::cat({std::get<0>(keypoints.min(1)), std::get<0>(keypoints.max(1))}, 1);
  }
}

// Infinity is stored as 1e30; positions in pixels are compared as shares of the image.
double largest_difference(const torch::Tensor& ours, const torch::Tensor& reference, double scale) {
  const torch::Tensor a = ours.to(torch::kDouble).clamp(-1e29, 1e29), b = reference.to(torch::kDouble).clamp(-1e29, 1e29);
  return a.numel() == 0 ? 0 : (a - b).abs().max().item<double>() / scale;
}

void run(const Arguments& arguments) {
  apply_common_options(arguments.common);
  const model::LoadedModel loaded = model::load_model(arguments.model);
  const SafetensorsFile file(arguments.reference);
  const bool raw = !file.contains("img") && file.contains("input");
  torch::Tensor image = model::to_tensor(file.at(raw ? "input" : "img")).to(torch::kFloat);
  if (image.dim() != 4 || image.size(1) != 3)
    throw Error(ErrorCode::kInput, file.name() + ": img", "is not [B, 3, H, W]", "store the network's input there");
  torch::NoGradGuard no_grad;
  if (raw) image = loaded.model->normalise(image);
  const torch::Tensor sizes = real_sizes(file, image);
  model::Stages stages;
  const model::SpatialOutput output = loaded.model->forward(image, sizes, &stages);
  add_per_image(*loaded.model, output, sizes, stages);

  std::size_t compared = 0;
  double worst = 0;
  std::cout << fmt::format("{:<44} {:>12}\n", "stage", "difference");
  for (const auto& [name, view] : file.tensors()) {
    const auto found = stages.find(name);
    if (found == stages.end()) continue;
    const torch::Tensor reference = model::to_tensor(view);
    if (reference.sizes() != found->second.sizes()) {
      throw Error(
          ErrorCode::kCheckFailed, file.name() + ": " + name,
          fmt::format("is [{}], the model gives [{}]", fmt::join(reference.sizes(), ", "), fmt::join(found->second.sizes(), ", ")),
          "compare with a model of the same config");
    }
    const bool pixels = name.starts_with("detections") && (name.ends_with(".keypoints") || name.ends_with(".box"));
    const double difference = largest_difference(found->second, reference, pixels ? static_cast<double>(image.size(3)) : 1.0);
    std::cout << fmt::format("{:<44} {:>12.3g}{}\n", name, difference,
                             difference <= arguments.tolerance ? "" : "  above the tolerance");
    worst = std::max(worst, difference);
    ++compared;
  }
  if (compared == 0) throw Error(ErrorCode::kInput, file.name(), "names no stage of the model", "see docs/verify.md for the names");
  std::cout << fmt::format("{} stages, largest difference {:.3g}, tolerance {:g}\n", compared, worst, arguments.tolerance);
  if (!(worst <= arguments.tolerance)) {
    throw Error(ErrorCode::kCheckFailed, arguments.model, fmt::format("differs from the reference by {:.3g}", worst),
                "look at the first stage that is above the tolerance");
  }
}

}  // namespace

void add_verify_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("verify", "Compare a model's stages with reference tensors");
  command->footer("Example: vepe verify --model petr.safetensors --reference io.safetensors --tolerance 1e-4");
  command->add_option("-m,--model", arguments->model, "Model file")->required();
  command
      ->add_option("--reference", arguments->reference,
                   "safetensors with the input (img, normalised; or input, 0..255) and named stages")
      ->required();
  command->add_option("--tolerance", arguments->tolerance, "Largest difference allowed")->check(CLI::NonNegativeNumber);
  add_common_options(*command, arguments->common);
  command->callback([arguments] { run(*arguments); });
}

}  // namespace vepe::cli
