#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/byte_reader.h"
#include "core/safetensors.h"

namespace vepe::checkpoint {

// One tensor of a torch checkpoint: a strided view into the file's memory, which may be unaligned.
struct TorchTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements, none negative
  const std::byte* data = nullptr;    // first element

  std::int64_t element_count() const;
  std::size_t size_bytes() const { return static_cast<std::size_t>(element_count()) * dtype_size(dtype); }
  bool contiguous() const;
  // Writes the elements in row-major order to `out`, which holds `size_bytes()`.
  void copy_to(std::byte* out) const;
};

// The tensors of one checkpoint by name, and what else stood beside them.
struct StateDict {
  std::string root;  // key under which they were found; empty at the top level
  std::map<std::string, TorchTensor> tensors;
  std::vector<std::string> others;  // names of entries that are no tensors
};

// A checkpoint that torch.save wrote: the zip form (torch >= 1.6) or the older stream of pickles. The file is
// mapped; nothing in it is executed; every size is checked before it is used. Throws Error(kInput) with a remedy for
// everything else: damaged, compressed or big-endian files, whole modules, TorchScript, tar files, web pages.
class TorchFile {
 public:
  explicit TorchFile(const std::filesystem::path& path);
  // The same checks on bytes in memory (`name` stands for the file in messages); `bytes` must outlive the object.
  TorchFile(std::string name, Bytes bytes);
  ~TorchFile();
  TorchFile(TorchFile&&) noexcept;

  const std::string& name() const;

  // The weights. The wrapper is found by itself: a dictionary without tensors is left for its first entry among
  // `state_dict`, `model`, `model_state`, `params`. `key` names another entry of the top level (`ema_state_dict`,
  // `state_dict_ema`, ...). Prefixes are left as they are. The tensors point into the file.
  StateDict state_dict(const std::string& key = "") const;

  // Gives the memory of the mapped file back until it is read again; tensors stay valid.
  void release_pages() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vepe::checkpoint
