#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vepe {

// Element types of the safetensors format that this project reads.
enum class DType { kF16, kBF16, kF32, kF64, kI8, kU8, kI16, kI32, kI64, kBool };

std::size_t dtype_size(DType dtype);
std::string_view dtype_name(DType dtype);  // "F32", as the format spells it

// One tensor of an open file; `data` points into the file's memory and lives as long as the SafetensorsFile.
// It may be unaligned: copy it out.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;
  std::size_t size_bytes = 0;

  std::int64_t element_count() const;
};

// A safetensors file, mapped read-only. Opening checks the whole header before anything is used: its length
// (at most 100 MB), the JSON, every shape against its byte range, ranges inside the file, no overlaps, no holes.
// Throws Error(kInput) that names the file and the tensor.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  // The same checks on bytes in memory (`name` stands for the file in messages); `bytes` must outlive the object.
  SafetensorsFile(std::string name, const std::byte* bytes, std::size_t size);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  const std::string& name() const { return name_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool contains(const std::string& tensor) const { return tensors_.count(tensor) != 0; }
  const TensorView& at(const std::string& tensor) const;  // throws Error(kInput) when it is not there

 private:
  void parse(const std::byte* bytes, std::size_t size);

  struct Mapping;
  std::string name_;
  std::unique_ptr<Mapping> mapping_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes tensors in the order of their names, aligned to 8 bytes, atomically. Throws Error(kOutput).
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace vepe
