#include "checkpoint/export.h"

#include <torch/torch.h>

#include "checkpoint/backbone_names.h"
#include "checkpoint/name_map.h"
#include "checkpoint/torch_writer.h"
#include "model/backbone/swin_block.h"
#include "model/model_file.h"

namespace vepe::checkpoint {
namespace {

constexpr std::string_view kVariance = "running_var", kTable = "relative_position_bias_table";

std::string with_end(const std::string& name, std::string_view end, const std::string& other) {
  return name.substr(0, name.size() - end.size()) + other;
}

// The window of an attention whose bias table has (2w - 1)^2 rows.
std::int64_t window_of(const at::Tensor& table) {
  std::int64_t window = 1;
  while ((2 * window - 1) * (2 * window - 1) < table.size(0)) ++window;
  return window;
}

}  // namespace

std::map<std::string, at::Tensor> public_state(const model::SpatialModel& model, std::vector<std::string>* own_names) {
  const model::ModelConfig& config = model.config();
  // OpenMMLab's detectors, the public PETR among them, use OpenMMLab's own Swin.
  const BackboneNaming naming = config.backbone.type.starts_with("swin") ? BackboneNaming::kSwinMm : BackboneNaming::kPlain;
  std::map<std::string, at::Tensor> state;
  for (const auto& [ours, tensor] : model::state_of(model)) {
    at::Tensor value = tensor.detach();
    std::string theirs;
    if (ours.starts_with(kBackbonePrefix) && !config.small_trunk()) {
      const std::string inner = ours.substr(kBackbonePrefix.size());
      if (naming == BackboneNaming::kSwinMm && merges_patches(inner)) value = mm_from_official_order(value);
      theirs = std::string(kBackbonePrefix) + public_name_from_backbone(inner, naming);
      if (theirs.ends_with(kVariance)) state[with_end(theirs, kVariance, "num_batches_tracked")] = torch::zeros({}, torch::kLong);
      if (theirs.ends_with(kTable)) {
        state[with_end(theirs, kTable, "relative_position_index")] = model::relative_position_index(window_of(value));
      }
    } else if (const auto known = config.small_trunk() ? std::nullopt : public_name_from_petr(ours, config.pose_decoder.layers)) {
      theirs = *known;
    } else {
      theirs = ours;
      if (own_names) own_names->push_back(ours);
    }
    state[theirs] = value.contiguous();
  }
  return state;
}

void write_state(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& state, StateFormat format) {
  std::map<std::string, at::Tensor> kept;  // whole numbers and floats, in one piece
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : state) {
    const bool whole = tensor.scalar_type() == torch::kLong;
    const at::Tensor& held = kept[name] = whole ? tensor.contiguous() : tensor.to(torch::kFloat).contiguous();
    TensorView view;
    view.dtype = whole ? DType::kI64 : DType::kF32;
    view.shape = held.sizes().vec();
    view.data = static_cast<const std::byte*>(held.data_ptr());
    view.size_bytes = held.nbytes();
    views.emplace(name, view);
  }
  if (format == StateFormat::kTorch) {
    write_torch_file(path, views);
  } else {
    write_safetensors(path, views, {{"format", "pt"}});
  }
}

}  // namespace vepe::checkpoint
