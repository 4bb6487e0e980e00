#include "checkpoint/torch_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "checkpoint/mapped_file.h"
#include "checkpoint/torch_storage.h"

namespace vepe::checkpoint {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxDimensions = 16;
constexpr int kMaxWrappers = 4;
// A stride of 0 repeats elements, so a small file can state a huge tensor; weights never repeat much.
constexpr std::int64_t kMaxRepeated = std::int64_t{1} << 20;
constexpr std::array kWrappers = {"state_dict", "model", "model_state", "params"};
constexpr const char* kSaveWeights = "save the weights alone: torch.save(model.state_dict(), path)";

// What a file is that is no checkpoint, as far as its first bytes tell.
std::string describe(Bytes bytes) {
  const std::string_view text = bytes.text();
  const std::string_view head = text.substr(0, 512);
  if (head.find("<html") != head.npos || head.find("<!DOCTYPE") != head.npos || head.find("<!doctype") != head.npos) {
    return "is a web page, not a checkpoint (a failed download?)";
  }
  if (head.starts_with("version https://git-lfs")) return "is a Git LFS pointer, not a checkpoint";
  if (text.size() > 262 && text.substr(257, 5) == "ustar")
    return "is a tar file, the oldest form of torch checkpoints, which is not read";
  if (head.starts_with("\x1f\x8b") || head.starts_with("BZh") ||
      head.starts_with("\xfd"
                       "7zXZ"))
    return "is compressed";
  return "is not a torch checkpoint";
}

TorchContainer open(const std::string& name, Bytes bytes) {
  if (ZipArchive::looks_like_zip(bytes)) return open_torch_zip(name, bytes);
  if (looks_like_torch_stream(bytes)) return open_torch_stream(name, bytes);
  throw Error(ErrorCode::kInput, name, describe(bytes),
              "give a .pth file that torch.save wrote; load and save very old ones again with torch 1.6 or newer");
}

}  // namespace

std::int64_t TorchTensor::element_count() const {
  // Sizes beside a 0 are unchecked: their product may overflow.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

bool TorchTensor::contiguous() const {
  std::int64_t step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != step) return false;
    step *= shape[axis];
  }
  return true;
}

void TorchTensor::copy_to(std::byte* out) const {
  const std::int64_t count = element_count();
  if (count == 0) return;
  const std::size_t size = dtype_size(dtype);
  if (contiguous()) {
    std::memcpy(out, data, size_bytes());
    return;
  }
  std::vector<std::int64_t> index(shape.size(), 0);
  std::int64_t offset = 0;
  for (std::int64_t element = 0; element < count; ++element) {
    std::memcpy(out + static_cast<std::size_t>(element) * size, data + static_cast<std::size_t>(offset) * size, size);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

class TorchFile::Impl {
 public:
  Impl(std::string name, std::unique_ptr<MappedFile> file, Bytes bytes)
      : name_(std::move(name)), file_(std::move(file)), container_(open(name_, bytes)) {}

  const std::string& name() const { return name_; }

  void release_pages() const {
    if (file_) file_->release_pages();
  }

  StateDict state_dict(const std::string& key) const {
    StateDict state;
    const PickleValue* dict = &object().root();
    if (!key.empty()) {
      dict = object().find(*dict, key);
      if (!dict) fail("has no entry " + key, "name one of its entries");
      state.root = key;
    }
    for (int level = 0; level < kMaxWrappers && !has_tensors(*dict); ++level) {
      const auto inner = unwrap(*dict);
      if (!inner.second) break;
      dict = inner.second;
      state.root += (state.root.empty() ? "" : ".") + inner.first;
    }
    if (!has_tensors(*dict)) fail("holds no tensors by name", kSaveWeights);
    std::map<std::string, Bytes> storages;  // each is read, and its checksum compared, once
    for (std::size_t i = 0; i + 1 < dict->items.size(); i += 2) {
      const PickleValue &label = object().at(dict->items[i]), &value = object().at(dict->items[i + 1]);
      if (label.kind != Kind::kText) continue;
      const std::string name(label.text);
      if (value.kind == Kind::kTensor) {
        state.tensors.insert_or_assign(name, view(name, value, storages));
      } else {
        state.others.push_back(name);
      }
    }
    return state;
  }

 private:
  const Pickle& object() const { return *container_.object; }

  [[noreturn]] void fail(const std::string& message, const std::string& remedy = "fetch the file again") const {
    throw Error(ErrorCode::kInput, name_, message, remedy);
  }

  bool has_tensors(const PickleValue& dict) const {
    if (dict.kind != Kind::kDict) return false;
    for (std::size_t i = 1; i < dict.items.size(); i += 2) {
      if (object().at(dict.items[i]).kind == Kind::kTensor) return true;
    }
    return false;
  }

  std::pair<std::string, const PickleValue*> unwrap(const PickleValue& dict) const {
    for (const char* wrapper : kWrappers) {
      const PickleValue* inner = object().find(dict, wrapper);
      if (inner && inner->kind == Kind::kDict) return {wrapper, inner};
    }
    return {"", nullptr};
  }

  std::vector<std::int64_t> numbers(const std::string& tensor, PickleValue::Ref ref) const {
    std::vector<std::int64_t> result;
    const PickleValue& tuple = object().at(ref);
    if (tuple.items.size() > kMaxDimensions) fail("tensor " + tensor + " has more than 16 dimensions");
    for (const PickleValue::Ref item : tuple.items) {
      const PickleValue& number = object().at(item);
      if (number.kind != Kind::kInteger || number.integer < 0)
        fail("tensor " + tensor + " has a size or stride that is no natural number");
      result.push_back(number.integer);
    }
    return result;
  }

  Bytes storage_bytes(const std::string& tensor, const PickleValue& storage, std::map<std::string, Bytes>& storages) const {
    const std::string key(storage.text);
    auto found = storages.find(key);
    if (found == storages.end()) found = storages.emplace(key, container_.storages->read(key)).first;
    const std::size_t element = dtype_size(storage.symbol.dtype);
    const auto count = static_cast<std::size_t>(storage.integer);
    std::size_t size = 0;
    if (__builtin_mul_overflow(count, element, &size) || size != found->second.size()) {
      fail("tensor " + tensor + ": storage " + key + " is " + std::to_string(found->second.size()) +
           " bytes long and should hold " + std::to_string(count) + " elements of " + std::to_string(element));
    }
    return found->second;
  }

  // Checks that every element lies in the storage.
  TorchTensor view(const std::string& name, const PickleValue& value, std::map<std::string, Bytes>& storages) const {
    const PickleValue &storage = object().at(value.items[0]), &start = object().at(value.items[1]);
    TorchTensor tensor;
    tensor.dtype = storage.symbol.dtype;
    tensor.shape = numbers(name, value.items[2]);
    tensor.strides = numbers(name, value.items[3]);
    if (tensor.shape.size() != tensor.strides.size()) fail("tensor " + name + " has another number of strides than of sizes");
    const Bytes bytes = storage_bytes(name, storage, storages);

    std::int64_t offset = start.integer;
    for (const PickleValue::Ref part : storage.items) {
      if (object().at(part).integer < 0 || __builtin_add_overflow(offset, object().at(part).integer, &offset))
        fail("tensor " + name + " starts outside its storage");
    }
    if (offset < 0) fail("tensor " + name + " starts before its storage");
    std::int64_t last = offset, count = 1;
    bool fits = true;
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      const std::int64_t size = tensor.shape[axis];
      std::int64_t step = 0;
      fits = fits && !__builtin_mul_overflow(count, size, &count);
      if (size > 0)
        fits = fits && !__builtin_mul_overflow(size - 1, tensor.strides[axis], &step) && !__builtin_add_overflow(last, step, &last);
    }
    if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) {
      tensor.data = bytes.data();
      return tensor;
    }
    if (!fits || last >= storage.integer) fail("tensor " + name + " reaches beyond its storage");
    if (count > storage.integer && count > kMaxRepeated) fail("tensor " + name + " repeats its elements too often", kSaveWeights);
    tensor.data = bytes.data() + static_cast<std::size_t>(offset) * dtype_size(tensor.dtype);
    return tensor;
  }

  std::string name_;
  std::unique_ptr<MappedFile> file_;
  TorchContainer container_;
};

TorchFile::TorchFile(const std::filesystem::path& path) {
  auto file = std::make_unique<MappedFile>(path);
  const Bytes bytes(file->data(), file->size());
  impl_ = std::make_unique<Impl>(path.string(), std::move(file), bytes);
}

TorchFile::TorchFile(std::string name, Bytes bytes) : impl_(std::make_unique<Impl>(std::move(name), nullptr, bytes)) {}

TorchFile::~TorchFile() = default;
TorchFile::TorchFile(TorchFile&&) noexcept = default;

const std::string& TorchFile::name() const { return impl_->name(); }

void TorchFile::release_pages() const { impl_->release_pages(); }

StateDict TorchFile::state_dict(const std::string& key) const { return impl_->state_dict(key); }

}  // namespace vepe::checkpoint
