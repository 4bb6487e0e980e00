#include "checkpoint/torch_writer.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "checkpoint/zip_archive.h"
#include "core/atomic_file.h"
#include "core/error.h"

namespace vepe::checkpoint {
namespace {

constexpr std::size_t kAlignment = 64, kMaxFile = 0xfffffff0, kMaxMembers = 65000;
constexpr const char* kFolder = "archive/";

template <typename Number>
std::string little(Number number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

std::string storage_type(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kF32:
      return "FloatStorage";
    case DType::kF64:
      return "DoubleStorage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kI16:
      return "ShortStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI64:
      return "LongStorage";
    case DType::kBool:
      return "BoolStorage";
  }
  return "FloatStorage";
}

// The opcodes of one pickle, protocol 2.
class PickleWriter {
 public:
  void raw(std::string_view opcodes) { bytes_ += opcodes; }
  void text(const std::string& value) { bytes_ += "X" + little(static_cast<std::uint32_t>(value.size())) + value; }
  void global(const std::string& module, const std::string& name) { bytes_ += "c" + module + "\n" + name + "\n"; }
  void empty_dict() {
    global("collections", "OrderedDict");
    raw(")R");
  }
  void integer(std::int64_t value) {
    if (value <= INT32_MAX) {
      bytes_ += "J" + little(static_cast<std::int32_t>(value));
    } else {
      bytes_ += "\x8a\x08" + little(value);  // LONG1
    }
  }
  void tuple(const std::vector<std::int64_t>& values) {
    raw("(");
    for (const std::int64_t value : values) integer(value);
    raw("t");
  }
  void tensor(const TensorView& view, const std::string& key) {
    std::vector<std::int64_t> strides(view.shape.size(), 1);
    for (std::size_t axis = strides.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * view.shape[axis];
    global("torch._utils", "_rebuild_tensor_v2");
    raw("((");
    text("storage");
    global("torch", storage_type(view.dtype));
    text(key);
    text("cpu");
    integer(view.element_count());
    raw("tQ");
    integer(0);
    tuple(view.shape);
    tuple(strides);
    raw("\x89");  // no gradient
    empty_dict();
    raw("tR");
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path) : path_(path), file_(path) {}

  void add(const std::string& name, Bytes data) {
    // An extra field pads the header so that the data starts at a multiple of 64 bytes.
    constexpr std::size_t kHeader = 30, kFieldHead = 4;
    const std::size_t unpadded = position_ + kHeader + name.size() + kFieldHead;
    const auto padding = static_cast<std::uint16_t>((kAlignment - unpadded % kAlignment) % kAlignment);
    if (unpadded + padding + data.size() > kMaxFile || members_ >= kMaxMembers) {
      throw Error(ErrorCode::kOutput, path_.string(), "would be larger than 4 GiB", "export to safetensors");
    }
    const auto size = static_cast<std::uint32_t>(data.size());
    const auto common = [&](std::uint16_t extra) {
      return little<std::uint16_t>(20) + little<std::uint16_t>(0x0800) + little<std::uint16_t>(0) + little<std::uint32_t>(0) +
             little(crc32(data)) + little(size) + little(size) + little(static_cast<std::uint16_t>(name.size())) + little(extra);
    };
    directory_ += "PK\x01\x02" + little<std::uint16_t>(20) + common(0) + std::string(8, '\0') + std::string(2, '\0') +
                  little(static_cast<std::uint32_t>(position_)) + name;
    write("PK\x03\x04" + common(static_cast<std::uint16_t>(kFieldHead + padding)) + name + "FB" + little(padding) +
          std::string(padding, 'Z'));
    file_.write(data.data(), data.size());
    position_ += data.size();
    ++members_;
  }

  void finish() {
    const auto start = static_cast<std::uint32_t>(position_);
    const std::string count = little(static_cast<std::uint16_t>(members_));
    write(directory_);
    write("PK\x05\x06" + std::string(4, '\0') + count + count + little(static_cast<std::uint32_t>(directory_.size())) +
          little(start) + std::string(2, '\0'));
    file_.commit();
  }

 private:
  void write(const std::string& bytes) {
    file_.write(bytes);
    position_ += bytes.size();
  }

  std::filesystem::path path_;
  AtomicFile file_;
  std::string directory_;
  std::size_t position_ = 0, members_ = 0;
};

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

}  // namespace

void write_torch_file(const std::filesystem::path& path, const std::map<std::string, TensorView>& tensors) {
  PickleWriter pickle;
  pickle.raw("\x80\x02");
  pickle.empty_dict();
  pickle.raw("(");
  std::size_t key = 0;
  for (const auto& [name, view] : tensors) {
    pickle.text(name);
    pickle.tensor(view, std::to_string(key++));
  }
  pickle.raw("u.");

  const std::string folder = kFolder, version = "3\n";
  ZipWriter zip(path);
  zip.add(folder + "data.pkl", bytes_of(pickle.bytes()));
  key = 0;
  for (const auto& [name, view] : tensors) zip.add(folder + "data/" + std::to_string(key++), {view.data, view.size_bytes});
  zip.add(folder + "version", bytes_of(version));
  zip.finish();
}

}  // namespace vepe::checkpoint
