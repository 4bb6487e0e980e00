#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/safetensors.h"

namespace vepe::checkpoint {

// What a global name of a pickle means to this reader. Nothing is ever imported or called.
enum class Symbol : std::uint8_t {
  kDict,              // collections.OrderedDict: a dictionary
  kRebuildTensor,     // a view of a storage
  kRebuildParameter,  // the tensor inside
  kStorageType,       // element type of a storage
  kInertData,         // configuration and numpy classes: built, and never looked at
};

struct KnownSymbol {
  Symbol symbol = Symbol::kInertData;
  DType dtype = DType::kF32;  // kStorageType
};

// The allow-list; nothing for a name that is not on it.
std::optional<KnownSymbol> find_symbol(std::string_view module, std::string_view name);

}  // namespace vepe::checkpoint
