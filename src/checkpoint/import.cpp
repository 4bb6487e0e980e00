#include "checkpoint/import.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "checkpoint/backbone_names.h"
#include "checkpoint/import_config.h"
#include "checkpoint/joint_cut.h"
#include "checkpoint/name_map.h"
#include "core/error.h"
#include "core/heap_pages.h"
#include "model/model_file.h"

namespace vepe::checkpoint {
namespace {

constexpr std::size_t kShownDifferences = 5, kReleaseBytes = 8u << 20;
constexpr std::string_view kHead = "bbox_head.", kParallel = "module.";

// A checkpoint's tensors sorted into parts, under our names.
struct Parts {
  TensorMap petr;                                   // without the backbone
  TensorMap backbone;                               // without prefix
  std::map<std::string, std::string> public_names;  // ours (with prefix) -> theirs
  BackboneNaming naming = BackboneNaming::kPlain;
  BackboneGuess guess;
};

bool any_starts_with(const TensorMap& names, std::string_view prefix) {
  const auto first = names.lower_bound(std::string(prefix));
  return first != names.end() && first->first.starts_with(prefix);
}

TensorMap without_parallel_prefix(TensorMap names) {
  while (!names.empty() &&
         std::all_of(names.begin(), names.end(), [](const auto& item) { return item.first.starts_with(kParallel); })) {
    TensorMap stripped;
    for (auto& [name, tensor] : names) stripped.emplace(name.substr(kParallel.size()), std::move(tensor));
    names = std::move(stripped);
  }
  return names;
}

[[noreturn]] void refuse(const std::string& file, const std::string& what, const std::vector<std::string>& differences,
                         const std::string& remedy) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kShownDifferences, differences.size()));
  std::string message = fmt::format("{}: {}", what, fmt::join(differences.begin(), differences.begin() + shown, "; "));
  if (differences.size() > kShownDifferences) message += fmt::format(" and {} more", differences.size() - kShownDifferences);
  throw Error(ErrorCode::kInput, file, message, remedy);
}

Parts sort_into_parts(const TensorMap& names, const std::string& file, ImportReport& report) {
  Parts parts;
  const bool petr = any_starts_with(names, kHead), prefixed = petr || any_starts_with(names, kBackbonePrefix);
  const int decoder_layers = count_children(names, "bbox_head.transformer.decoder.layers.");
  TensorMap backbone;
  for (const auto& [name, tensor] : names) {
    if (is_harmless_extra(name)) {
      report.ignored.push_back(name);
    } else if (!prefixed) {
      backbone.emplace(name, tensor);
    } else if (name.starts_with(kBackbonePrefix)) {
      backbone.emplace(name.substr(kBackbonePrefix.size()), tensor);
    } else if (const auto ours = petr ? petr_name_from_public(name, decoder_layers) : std::nullopt) {
      parts.petr.emplace(*ours, tensor);
      parts.public_names[*ours] = name;
    } else {
      report.unknown.push_back(name);
    }
  }
  const auto guess = guess_backbone(backbone);
  if (!guess) {
    throw Error(ErrorCode::kInput, file,
                "holds no backbone that this program knows (first tensors: " +
                    (names.empty() ? std::string("none") : names.begin()->first) + ")",
                "give a checkpoint of PETR, ResNet-18/34/50/101, HRNet-W32/W48 or Swin-L");
  }
  parts.guess = *guess;
  parts.naming = detect_naming(backbone);
  for (const auto& [name, tensor] : backbone) {
    const std::string ours = backbone_name_from_public(name, parts.naming);
    parts.backbone.emplace(ours, tensor);
    parts.public_names[std::string(kBackbonePrefix) + ours] = prefixed ? std::string(kBackbonePrefix) + name : name;
  }
  return parts;
}

torch::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return torch::kHalf;
    case DType::kBF16:
      return torch::kBFloat16;
    case DType::kF32:
      return torch::kFloat;
    case DType::kF64:
      return torch::kDouble;
    case DType::kI8:
      return torch::kChar;
    case DType::kU8:
      return torch::kByte;
    case DType::kI16:
      return torch::kShort;
    case DType::kI32:
      return torch::kInt;
    case DType::kI64:
      return torch::kLong;
    case DType::kBool:
      return torch::kBool;
  }
  return torch::kFloat;
}

at::Tensor copy_of(const TorchTensor& view) {
  at::Tensor tensor = torch::empty(view.shape, scalar_type(view.dtype));
  view.copy_to(static_cast<std::byte*>(tensor.data_ptr()));
  return tensor;
}

// The changes that the options ask for, on the way from the checkpoint to the model.
class Conversion {
 public:
  Conversion(const Parts& parts, const ImportOptions& options, model::ModelConfig& config, ImportReport& report)
      : naming_(parts.naming) {
    if (options.queries != 0 && options.queries != config.proposals.queries) {
      if (parts.petr.empty()) {
        report.cuts.push_back(fmt::format("queries: {}, all initialised", options.queries));
      } else if (options.queries > config.proposals.queries) {
        throw Error(ErrorCode::kUsage, "--queries", fmt::format("the checkpoint has only {}", config.proposals.queries),
                    "ask for no more");
      } else {
        report.cuts.push_back(fmt::format("queries: the first {} of {} kept", options.queries, config.proposals.queries));
      }
      config.proposals.queries = options.queries;
    }
    if (options.keypoints != 0 && options.keypoints != config.keypoint_count)
      change_joints(parts, options.keypoints, config, report);
  }

  // The tensor as the model wants it; `name` is ours.
  at::Tensor convert(const std::string& name, const TorchTensor& source, at::IntArrayRef wanted) const {
    at::Tensor tensor = copy_of(source);
    if (naming_ == BackboneNaming::kSwinMm && name.starts_with(kBackbonePrefix) &&
        merges_patches(name.substr(kBackbonePrefix.size()))) {
      tensor = official_from_mm_order(tensor.to(torch::kFloat));
    }
    if (joint_weights_.defined() && depends_on_joints(name)) tensor = cut_joints(name, tensor.to(torch::kFloat), joint_weights_);
    if (name == "pose_decoder.query_embedding" && tensor.dim() == 2 && tensor.size(0) > wanted[0])
      tensor = tensor.slice(0, 0, wanted[0]);
    return tensor;
  }

  bool changes(const std::string& name) const {
    return name == "pose_decoder.query_embedding" || (joint_weights_.defined() && depends_on_joints(name)) ||
           (naming_ == BackboneNaming::kSwinMm && name.starts_with(kBackbonePrefix) &&
            merges_patches(name.substr(kBackbonePrefix.size())));
  }

 private:
  void change_joints(const Parts& parts, int keypoints, model::ModelConfig& config, ImportReport& report) {
    const std::string from = config.keypoints;
    config.keypoints = keypoints == 17 ? "coco17" : keypoints == 15 ? "posetrack15" : "crowdpose14";
    if (!parts.petr.empty()) {
      joint_weights_ = joint_weights(from, config.keypoints);
      report.cuts.push_back(
          fmt::format("keypoints: {} of {} become {} of {}; joints of the same name are copied, head bottom and head top start "
                      "from shoulders and nose",
                      config.keypoint_count, from, keypoints, config.keypoints));
    }
    config.keypoint_count = keypoints;
  }

  BackboneNaming naming_;
  at::Tensor joint_weights_;
};

// Tensors that a checkpoint of this kind does not hold, so that fresh numbers are no sign of a half-fitting file.
bool may_be_initialised(const std::string& name, const Parts& parts) {
  if (!name.starts_with(kBackbonePrefix)) return parts.petr.empty();
  const std::string inner = name.substr(kBackbonePrefix.size());
  if (parts.guess.type.starts_with("swin")) {
    // Classification weights have none of the norms of the outputs; a detector's have all of them.
    return parts.petr.empty() && inner.starts_with("norm") && !any_starts_with(parts.backbone, "norm1.");
  }
  if (parts.guess.type.starts_with("hrnet")) {
    // Pose weights end in a module with one output: no exchange towards the others.
    const bool one_output = !any_starts_with(parts.backbone, "stage4.2.fuse_layers.1.");
    return one_output && inner.starts_with("stage4.2.fuse_layers.") && !inner.starts_with("stage4.2.fuse_layers.0.");
  }
  return false;
}

void copy_into(at::Tensor& target, const std::string& name, const TorchTensor& source, const Conversion& conversion,
               std::vector<std::string>& differences) {
  const bool direct = source.dtype == DType::kF32 && target.scalar_type() == torch::kFloat && !conversion.changes(name);
  if (direct && target.sizes() == at::IntArrayRef(source.shape)) {
    source.copy_to(static_cast<std::byte*>(target.data_ptr()));
    return;
  }
  if (source.shape.size() != static_cast<std::size_t>(target.dim()) ||
      (direct && target.sizes() != at::IntArrayRef(source.shape))) {
    differences.push_back(
        fmt::format("{} is [{}], want [{}]", name, fmt::join(source.shape, ", "), fmt::join(target.sizes(), ", ")));
    return;
  }
  const at::Tensor tensor = conversion.convert(name, source, target.sizes());
  if (tensor.sizes() != target.sizes()) {
    differences.push_back(
        fmt::format("{} becomes [{}], want [{}]", name, fmt::join(tensor.sizes(), ", "), fmt::join(target.sizes(), ", ")));
  } else if (!tensor.is_floating_point()) {
    differences.push_back(name + " holds integers");
  } else {
    target.copy_(tensor);
  }
}

std::string family_of(const Parts& parts) {
  constexpr const char* kNamings[] = {"", " (OpenMMLab names)", " (timm names)"};
  return (parts.petr.empty() ? "backbone " : "PETR on ") + parts.guess.type + kNamings[static_cast<int>(parts.naming)];
}

}  // namespace

ImportedModel import_checkpoint(const TorchFile& file, const ImportOptions& options) {
  const StateDict state = file.state_dict(options.entry);
  // The file's pages need not stand in memory beside the whole model.
  file.release_pages();
  return import_state(state, file.name(), options, [&] { file.release_pages(); });
}

ImportedModel import_state(const StateDict& state, const std::string& file, const ImportOptions& options,
                           const std::function<void()>& after_copy) {
  ImportedModel result;
  ImportReport& report = result.report;
  report.root = state.root;
  for (const std::string& name : state.others) report.ignored.push_back(name);
  const Parts parts = sort_into_parts(without_parallel_prefix(state.tensors), file, report);
  report.family = family_of(parts);
  model::ModelConfig config = infer_config(parts.guess, parts.petr, file);
  const Conversion conversion(parts, options, config, report);
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : state.tensors) bytes += tensor.size_bytes();
  advise_huge_heap(bytes);  // about the size of the model
  result.model = std::make_shared<model::SpatialModel>(config);

  const torch::NoGradGuard no_grad;
  std::vector<std::string> differences;
  std::set<std::string> used;
  std::size_t copied = 0;
  for (auto& [name, target] : model::state_of(*result.model)) {
    const bool in_backbone = name.starts_with(kBackbonePrefix);
    const TensorMap& part = in_backbone ? parts.backbone : parts.petr;
    const auto source = part.find(in_backbone ? name.substr(kBackbonePrefix.size()) : name);
    if (source != part.end()) {
      at::Tensor writable = target;
      copy_into(writable, name, source->second, conversion, differences);
      report.mapped.push_back({parts.public_names.at(name), name});
      used.insert(name);
      copied += source->second.size_bytes();
      if (copied > kReleaseBytes) {
        after_copy();
        copied = 0;
      }
    } else if (may_be_initialised(name, parts)) {
      report.initialised.push_back(name);
    } else {
      differences.push_back("nothing for " + name);
    }
  }
  for (const auto& [ours, theirs] : parts.public_names) {
    if (!used.count(ours)) report.unknown.push_back(theirs);
  }
  if (!differences.empty()) {
    for (const std::string& name : report.unknown) differences.push_back("no place for " + name);
    refuse(file, "looks like " + report.family + " but fits only in part", differences,
           "give the complete checkpoint of a network that vepe knows");
  }
  if (options.strict && !report.unknown.empty())
    refuse(file, "holds tensors that have no place", report.unknown, "leave out --strict to ignore them");
  if (options.strict && !report.initialised.empty()) {
    refuse(file, "lacks tensors of the model", report.initialised, "leave out --strict to start them from random numbers");
  }
  result.model->eval();
  return result;
}

}  // namespace vepe::checkpoint
