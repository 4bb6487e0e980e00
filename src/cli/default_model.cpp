#include "cli/default_model.h"

#include <cstdlib>

#include "core/error.h"

namespace vepe::cli {

std::filesystem::path default_model() {
  namespace fs = std::filesystem;
  const fs::path name = fs::path("models") / "vepe-tiny.safetensors";
  if (const char* given = std::getenv("VEPE_MODEL")) return given;
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (fs::exists(folder / ".." / "share" / "vepe" / name)) return folder / ".." / "share" / "vepe" / name;
  for (; !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(folder / name)) return folder / name;
    if (folder == folder.root_path()) break;
  }
  throw Error(ErrorCode::kModel, name.string(), "the default model is not there", "name a model with -m MODEL or in VEPE_MODEL");
}

}  // namespace vepe::cli
