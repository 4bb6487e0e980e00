#include "checkpoint/pickle_symbols.h"

#include <algorithm>
#include <iterator>

namespace vepe::checkpoint {
namespace {

struct StorageName {
  std::string_view name;
  DType dtype;
};
constexpr StorageName kStorages[] = {
    {"DoubleStorage", DType::kF64}, {"FloatStorage", DType::kF32}, {"HalfStorage", DType::kF16},  {"BFloat16Storage", DType::kBF16},
    {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},   {"ShortStorage", DType::kI16}, {"CharStorage", DType::kI8},
    {"ByteStorage", DType::kU8},    {"BoolStorage", DType::kBool},
};

struct Name {
  std::string_view module, name;
};
// Classes that training tools leave beside the weights (configuration, logs, random states).
constexpr Name kInert[] = {
    {"_codecs", "encode"},
    {"addict.addict", "Dict"},
    {"argparse", "Namespace"},
    {"builtins", "bytearray"},
    {"builtins", "object"},
    {"builtins", "set"},
    {"builtins", "slice"},
    {"__builtin__", "bytearray"},
    {"__builtin__", "object"},
    {"__builtin__", "set"},
    {"__builtin__", "dict"},
    {"__builtin__", "list"},
    {"builtins", "dict"},
    {"builtins", "list"},
    {"collections", "Counter"},
    {"collections", "defaultdict"},
    {"copy_reg", "_reconstructor"},
    {"copyreg", "_reconstructor"},
    {"datetime", "datetime"},
    {"mmcv.utils.config", "ConfigDict"},
    {"mmengine.config.config", "ConfigDict"},
    {"mmengine.logging.history_buffer", "HistoryBuffer"},
    {"numpy", "dtype"},
    {"numpy", "ndarray"},
    {"numpy.core.multiarray", "_reconstruct"},
    {"numpy.core.multiarray", "scalar"},
    {"numpy._core.multiarray", "_reconstruct"},
    {"numpy._core.multiarray", "scalar"},
    {"omegaconf.dictconfig", "DictConfig"},
    {"omegaconf.listconfig", "ListConfig"},
    {"pathlib", "Path"},
    {"pathlib", "PosixPath"},
    {"torch", "Size"},
    {"torch", "device"},
    {"torch.torch_version", "TorchVersion"},
    {"yacs.config", "CfgNode"},
};

}  // namespace

std::optional<KnownSymbol> find_symbol(std::string_view module, std::string_view name) {
  if (module == "collections" && name == "OrderedDict") return KnownSymbol{Symbol::kDict};
  if (module == "torch._utils" && (name == "_rebuild_tensor_v2" || name == "_rebuild_tensor"))
    return KnownSymbol{Symbol::kRebuildTensor};
  if (module == "torch._utils" && name == "_rebuild_parameter") return KnownSymbol{Symbol::kRebuildParameter};
  if (module == "torch" || module == "torch.cuda") {
    for (const StorageName& storage : kStorages) {
      if (storage.name == name) return KnownSymbol{Symbol::kStorageType, storage.dtype};
    }
  }
  const bool inert = std::any_of(std::begin(kInert), std::end(kInert),
                                 [&](const Name& known) { return known.module == module && known.name == name; });
  if (inert) return KnownSymbol{Symbol::kInertData};
  return std::nullopt;
}

}  // namespace vepe::checkpoint
