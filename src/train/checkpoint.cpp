#include "train/checkpoint.h"

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "model/model_file.h"

namespace vepe::train {
namespace {

namespace fs = std::filesystem;

// Moves `from` to `to`, which may exist. Between the two renames the old state lives under `.old`, which
// load_checkpoint finds.
void replace_folder(const fs::path& from, const fs::path& to) {
  const fs::path old = to.string() + ".old";
  fs::remove_all(old);
  if (fs::exists(to)) fs::rename(to, old);
  fs::rename(from, to);
  fs::remove_all(old);
}

}  // namespace

void save_checkpoint(const fs::path& run, const model::NamedTensors& model, const Ema& ema, const Optimizer& optimizer,
                     std::int64_t step, const std::string& recipe) {
  const fs::path part = run / "checkpoint.part";
  try {
    fs::remove_all(part);
    make_output_folder(part);
    model::write_tensors(part / "model.safetensors", model);
    model::write_tensors(part / "ema.safetensors", ema.state());
    model::write_tensors(part / "optimizer.safetensors", optimizer.state());
    const nlohmann::json state = {{"step", step}, {"ema_updates", ema.updates()}, {"recipe", recipe}};
    write_file_atomically(part / "state.json", state.dump(1));
    replace_folder(part, run / "checkpoint");
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kOutput, run.string(), "cannot write the checkpoint: " + error.code().message(),
                "free some space and resume");
  }
}

std::optional<std::int64_t> load_checkpoint(const fs::path& run, const model::NamedTensors& model, Ema& ema, Optimizer& optimizer,
                                            const std::string& recipe) {
  fs::path folder = run / "checkpoint";
  if (!fs::exists(folder) && fs::exists(run / "checkpoint.old")) folder = run / "checkpoint.old";
  if (!fs::exists(folder)) return std::nullopt;
  const auto state = nlohmann::json::parse(read_file(folder / "state.json"), nullptr, false);
  if (!state.is_object() || !state.contains("step") || !state.contains("recipe") || !state.contains("ema_updates")) {
    throw Error(ErrorCode::kModel, (folder / "state.json").string(), "is not a training state",
                "start the run anew in another folder");
  }
  if (state["recipe"].get<std::string>() != recipe) {
    throw Error(ErrorCode::kUsage, run.string(), "was begun with another recipe",
                "resume with the same recipe and settings, or start a new run");
  }
  model::load_state(model, model::read_tensors(folder / "model.safetensors"), (folder / "model.safetensors").string());
  ema.load_state(model::read_tensors(folder / "ema.safetensors"), state["ema_updates"].get<std::int64_t>());
  optimizer.load_state(model::read_tensors(folder / "optimizer.safetensors"));
  return state["step"].get<std::int64_t>();
}

}  // namespace vepe::train
