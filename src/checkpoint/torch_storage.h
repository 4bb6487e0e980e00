#pragma once

#include <map>
#include <memory>
#include <string>

#include "checkpoint/pickle.h"
#include "checkpoint/zip_archive.h"

namespace vepe::checkpoint {

// Where the raw elements of a checkpoint lie, for each of its two forms.
class TorchStorages {
 public:
  virtual ~TorchStorages() = default;
  // All elements of the storage with this key. Throws Error(kInput) when there is none.
  virtual Bytes read(const std::string& key) const = 0;
};

// An opened container: its object and its storages.
struct TorchContainer {
  std::unique_ptr<Pickle> object;
  std::unique_ptr<TorchStorages> storages;
};

// The zip form: FOLDER/data.pkl, FOLDER/data/KEY, FOLDER/version and, from newer versions, FOLDER/byteorder.
TorchContainer open_torch_zip(const std::string& name, Bytes bytes);

// The older form: magic number, protocol, system, object, list of keys, then the storages one after the other.
TorchContainer open_torch_stream(const std::string& name, Bytes bytes);
bool looks_like_torch_stream(Bytes bytes);

}  // namespace vepe::checkpoint
