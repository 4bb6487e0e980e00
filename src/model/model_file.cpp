#include "model/model_file.h"

#include <fmt/format.h>

#include "core/error.h"

namespace vepe::model {
namespace {

constexpr const char* kFormat = "vepe-model 1";
constexpr std::size_t kShownDifferences = 3;

// Batch norms count batches for a momentum that nothing here uses.
bool ignored(const std::string& name) { return name.ends_with("num_batches_tracked"); }

[[noreturn]] void refuse(const std::string& name, const std::vector<std::string>& differences) {
  std::string message = fmt::format(
      "does not fit its config: {}",
      fmt::join(differences.begin(),
                differences.begin() + static_cast<std::ptrdiff_t>(std::min(kShownDifferences, differences.size())), "; "));
  if (differences.size() > kShownDifferences) message += fmt::format(" and {} more", differences.size() - kShownDifferences);
  throw Error(ErrorCode::kModel, name, message, "use a model file that this version of vepe wrote, or import the checkpoint");
}

}  // namespace

NamedTensors state_of(const torch::nn::Module& module, const torch::nn::Module* more) {
  NamedTensors state;
  for (const torch::nn::Module* part : {&module, more}) {
    if (!part) continue;
    for (const auto& item : part->named_parameters()) state[item.key()] = item.value();
    for (const auto& item : part->named_buffers()) {
      if (!ignored(item.key())) state[item.key()] = item.value();
    }
  }
  return state;
}

void load_state(const NamedTensors& own, const NamedTensors& state, const std::string& name) {
  torch::NoGradGuard no_grad;
  std::vector<std::string> differences;
  for (const auto& [key, tensor] : own) {
    const auto found = state.find(key);
    if (found == state.end()) {
      differences.push_back("no tensor " + key);
    } else if (found->second.sizes() != tensor.sizes()) {
      differences.push_back(
          fmt::format("{} is [{}], want [{}]", key, fmt::join(found->second.sizes(), ", "), fmt::join(tensor.sizes(), ", ")));
    } else if (found->second.is_floating_point() != tensor.is_floating_point()) {
      differences.push_back(key + " has another type");
    }
  }
  for (const auto& [key, tensor] : state) {
    if (!own.count(key) && !ignored(key)) differences.push_back("unexpected tensor " + key);
  }
  if (!differences.empty()) refuse(name, differences);
  for (const auto& [key, tensor] : own) Tensor(tensor).copy_(state.at(key));
}

LoadedModel load_model(const std::filesystem::path& path) {
  try {
    const SafetensorsFile file(path);
    const auto format = file.metadata().find("format"), config = file.metadata().find("config");
    if (format == file.metadata().end() || format->second != kFormat || config == file.metadata().end()) {
      throw Error(ErrorCode::kModel, path.string(), "is not a vepe model", "give a file that `vepe train` or `vepe import` wrote");
    }
    LoadedModel loaded;
    loaded.metadata = file.metadata();
    const std::string config_name = path.string() + ": config";
    const ModelConfig parsed = read_model_config(parse_toml_text(config->second, config_name), config_name);
    loaded.model = std::make_shared<SpatialModel>(parsed);
    if (parsed.temporal.enabled) loaded.temporal = std::make_shared<Vepe>(parsed, parsed.temporal);
    NamedTensors state;
    for (const auto& [name, view] : file.tensors()) state[name] = to_tensor(view);
    load_state(state_of(*loaded.model, loaded.temporal.get()), state, path.string());
    loaded.model->eval();
    if (loaded.temporal) loaded.temporal->eval();
    return loaded;
  } catch (const Error& error) {
    throw Error(ErrorCode::kModel, error.where(), error.message(), error.remedy());
  }
}

void save_model(const std::filesystem::path& path, const SpatialModel& model, const Vepe* temporal,
                std::map<std::string, std::string> metadata, bool half) {
  NamedTensors state = state_of(model, temporal);
  for (auto& [name, tensor] : state) {
    if (tensor.is_floating_point()) tensor = tensor.detach().to(half ? torch::kHalf : torch::kFloat);
  }
  metadata["format"] = kFormat;
  metadata["config"] = write_model_config(model.config());
  write_tensors(path, state, metadata);
}

}  // namespace vepe::model
