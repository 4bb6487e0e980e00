#include "core/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe {
namespace {

constexpr std::size_t kMaxHeaderBytes = 100'000'000;
constexpr int kMaxHeaderDepth = 4;
constexpr const char* kRemedy = "fetch or write the file again; it must be a safetensors file";

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
};
constexpr DTypeInfo kDTypes[] = {
    {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2}, {DType::kF32, "F32", 4}, {DType::kF64, "F64", 8}, {DType::kI8, "I8", 1},
    {DType::kU8, "U8", 1},   {DType::kI16, "I16", 2},   {DType::kI32, "I32", 4}, {DType::kI64, "I64", 8}, {DType::kBool, "BOOL", 1},
};

[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw Error(ErrorCode::kInput, where, message, kRemedy);
}

// nlohmann-json recurses on nested input; a header needs four levels, so deeper ones are refused before parsing.
bool deeper_than(std::string_view json, int limit) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

TensorView read_entry(const std::string& where, const nlohmann::json& entry, const std::byte* data, std::size_t data_size) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    fail(where, "needs dtype, shape and data_offsets");
  }
  TensorView view;
  const auto& dtype = entry["dtype"];
  if (!dtype.is_string()) fail(where, "dtype is not a string");
  const auto known = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                  [&](const DTypeInfo& info) { return info.name == dtype.get_ref<const std::string&>(); });
  if (known == std::end(kDTypes)) fail(where, "unknown dtype " + dtype.get<std::string>());
  view.dtype = known->dtype;

  const auto& shape = entry["shape"];
  if (!shape.is_array() || shape.size() > 16) fail(where, "shape is not a list of at most 16 sizes");
  std::size_t elements = 1;
  for (const auto& size : shape) {
    if (!size.is_number_unsigned()) fail(where, "shape holds something that is not a size");
    const auto value = size.get<std::uint64_t>();
    std::size_t product = 0;
    if (value > INT64_MAX || __builtin_mul_overflow(elements, static_cast<std::size_t>(value), &product))
      fail(where, "shape is too large");
    elements = product;
    view.shape.push_back(static_cast<std::int64_t>(value));
  }

  const auto& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    fail(where, "data_offsets is not a pair of byte offsets");
  }
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > data_size) fail(where, "data_offsets lie outside the file (is it truncated?)");
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(elements, known->size, &bytes) || bytes != end - begin) fail(where, "shape and data_offsets disagree");
  view.data = data + begin;
  view.size_bytes = bytes;
  return view;
}

}  // namespace

struct SafetensorsFile::Mapping {
  void* address = MAP_FAILED;
  std::size_t size = 0;
  ~Mapping() {
    if (address != MAP_FAILED) ::munmap(address, size);
  }
};

std::size_t dtype_size(DType dtype) { return kDTypes[static_cast<int>(dtype)].size; }
std::string_view dtype_name(DType dtype) { return kDTypes[static_cast<int>(dtype)].name; }

std::int64_t TensorView::element_count() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : name_(path.string()), mapping_(std::make_unique<Mapping>()) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw Error(ErrorCode::kInput, name_, "cannot read: " + system_message(errno), "check the path and its permissions");
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    mapping_->size = static_cast<std::size_t>(status.st_size);
    mapping_->address = ::mmap(nullptr, mapping_->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }
  ::close(descriptor);
  if (mapping_->address == MAP_FAILED) fail(name_, "is empty or not a regular file");
  parse(static_cast<const std::byte*>(mapping_->address), mapping_->size);
}

SafetensorsFile::SafetensorsFile(std::string name, const std::byte* bytes, std::size_t size) : name_(std::move(name)) {
  parse(bytes, size);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

void SafetensorsFile::parse(const std::byte* bytes, std::size_t size) {
  std::uint64_t header_size = 0;
  if (size < sizeof header_size) fail(name_, "is too short for a safetensors header");
  std::memcpy(&header_size, bytes, sizeof header_size);
  if (header_size > kMaxHeaderBytes || header_size > size - sizeof header_size)
    fail(name_, "is not a safetensors file, or is truncated");
  const std::string_view text(reinterpret_cast<const char*>(bytes) + sizeof header_size, header_size);
  if (deeper_than(text, kMaxHeaderDepth)) fail(name_, "header is nested too deeply");
  const auto header = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) fail(name_, "header is not a JSON object");

  const std::byte* data = bytes + sizeof header_size + header_size;
  const std::size_t data_size = size - sizeof header_size - header_size;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      if (!entry.is_object()) fail(name_, "__metadata__ is not an object");
      for (const auto& [name, value] : entry.items()) {
        if (!value.is_string()) fail(name_ + ": __metadata__." + name, "is not a string");
        metadata_[name] = value.get<std::string>();
      }
      continue;
    }
    TensorView view = read_entry(name_ + ": tensor " + key, entry, data, data_size);
    const auto begin = static_cast<std::size_t>(view.data - data);
    ranges.emplace_back(begin, begin + view.size_bytes);
    tensors_.emplace(key, std::move(view));
  }
  std::sort(ranges.begin(), ranges.end());
  std::size_t expected = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != expected) fail(name_, "tensor data overlap or leave a hole at byte " + std::to_string(std::min(begin, expected)));
    expected = end;
  }
  if (expected != data_size) fail(name_, "has bytes after the last tensor, or is truncated");
}

const TensorView& SafetensorsFile::at(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end()) throw Error(ErrorCode::kInput, name_, "has no tensor " + tensor, "use a file that holds it");
  return found->second;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, view] : tensors) {
    header[name] = {{"dtype", dtype_name(view.dtype)}, {"shape", view.shape}, {"data_offsets", {offset, offset + view.size_bytes}}};
    offset += view.size_bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_size = text.size();

  AtomicFile file(path);
  file.write(&header_size, sizeof header_size);
  file.write(text);
  for (const auto& [name, view] : tensors) file.write(view.data, view.size_bytes);
  file.commit();
}

}  // namespace vepe
