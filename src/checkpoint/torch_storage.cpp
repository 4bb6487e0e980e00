#include "checkpoint/torch_storage.h"

#include <utility>

namespace vepe::checkpoint {
namespace {

using Kind = PickleValue::Kind;

// A checkpoint's pickle of more than this is not a state dict with some settings beside it.
constexpr std::size_t kMaxPickleBytes = 64u << 20;
// 0x1950a86a20f9469cfc6c, little-endian.
constexpr unsigned char kMagic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
constexpr std::int64_t kStreamProtocol = 1001;

[[noreturn]] void fail(const std::string& name, const std::string& message, const std::string& remedy) {
  throw Error(ErrorCode::kInput, name, message, remedy);
}

class ZipStorages : public TorchStorages {
 public:
  ZipStorages(ZipArchive archive, std::string folder) : archive_(std::move(archive)), folder_(std::move(folder)) {}
  Bytes read(const std::string& key) const override { return archive_.read(folder_ + "data/" + key); }

 private:
  ZipArchive archive_;
  std::string folder_;
};

class StreamStorages : public TorchStorages {
 public:
  StreamStorages(std::string name, std::map<std::string, Bytes> storages)
      : name_(std::move(name)), storages_(std::move(storages)) {}
  Bytes read(const std::string& key) const override {
    const auto found = storages_.find(key);
    if (found == storages_.end()) fail(name_, "storage " + key + " is missing", "fetch the file again");
    return found->second;
  }

 private:
  std::string name_;
  std::map<std::string, Bytes> storages_;
};

// The folder, with its slash, that holds data.pkl at depth 1.
std::string find_folder(const std::string& name, const ZipArchive& archive) {
  constexpr std::string_view kObject = "/data.pkl";
  std::string folder;
  for (const auto& [member, unused] : archive.members()) {
    const std::size_t slash = member.find('/');
    if (slash == member.npos || std::string_view(member).substr(slash) != kObject) continue;
    if (!folder.empty()) fail(name, "holds two data.pkl", "fetch the file again");
    folder = member.substr(0, slash + 1);
  }
  if (folder.empty()) fail(name, "is a zip archive but not a torch checkpoint: it holds no data.pkl", "give the .pth file itself");
  return folder;
}

}  // namespace

TorchContainer open_torch_zip(const std::string& name, Bytes bytes) {
  ZipArchive archive(name, bytes);
  const std::string folder = find_folder(name, archive);
  if (archive.find(folder + "constants.pkl")) {
    fail(name, "is a TorchScript program, not a checkpoint", "save the weights alone: torch.save(model.state_dict(), path)");
  }
  if (archive.find(folder + "byteorder") && archive.read(folder + "byteorder").text() != "little") {
    fail(name, "was written on a big-endian machine", "load and save it again on a little-endian one");
  }
  const Bytes object = archive.read(folder + "data.pkl");
  if (object.size() > kMaxPickleBytes)
    fail(name, "its data.pkl is larger than 64 MiB", "save the weights alone: torch.save(model.state_dict(), path)");
  TorchContainer container;
  container.object = std::make_unique<Pickle>(name, object);
  container.storages = std::make_unique<ZipStorages>(std::move(archive), folder);
  return container;
}

bool looks_like_torch_stream(Bytes bytes) {
  // PROTO 2, LONG1, 10 bytes of magic, STOP
  constexpr std::size_t kHead = 4;
  if (!bytes.contains(0, kHead + sizeof kMagic + 1)) return false;
  return bytes.number<std::uint8_t>(0) == 0x80 && bytes.number<std::uint8_t>(2) == 0x8a &&
         std::memcmp(bytes.data() + kHead, kMagic, sizeof kMagic) == 0;
}

TorchContainer open_torch_stream(const std::string& name, Bytes bytes) {
  std::size_t position = 0;
  const auto next = [&] {
    auto pickle = std::make_unique<Pickle>(name, bytes.part(position, std::min(bytes.size() - position, kMaxPickleBytes)));
    position += pickle->bytes_read();
    return pickle;
  };
  next();  // the magic number
  const auto protocol = next();
  if (protocol->root().kind != Kind::kInteger || protocol->root().integer != kStreamProtocol) {
    fail(name, "is of an unknown version of torch's older format", "load and save it again with torch 1.6 or newer");
  }
  const auto system = next();
  const PickleValue* little = system->find(system->root(), "little_endian");
  if (!little || little->kind != Kind::kBool || !little->integer) {
    fail(name, "was written on a big-endian machine", "load and save it again on a little-endian one");
  }
  TorchContainer container;
  container.object = next();
  const auto keys = next();
  if (keys->root().kind != Kind::kList) fail(name, "its list of storages is damaged", "fetch the file again");

  std::map<std::string, std::size_t> element_sizes;
  for (const PickleValue& value : container.object->values()) {
    if (value.kind == Kind::kStorage) element_sizes[std::string(value.text)] = dtype_size(value.symbol.dtype);
  }
  std::map<std::string, Bytes> storages;
  for (const PickleValue::Ref ref : keys->root().items) {
    const std::string key(keys->at(ref).text);
    const auto element_size = element_sizes.find(key);
    if (element_size == element_sizes.end()) fail(name, "storage " + key + " has no element type", "fetch the file again");
    if (!bytes.contains(position, sizeof(std::int64_t))) fail(name, "ends before storage " + key, "fetch the file again");
    const auto count = bytes.number<std::int64_t>(position);
    position += sizeof count;
    std::size_t size = 0;
    if (count < 0 || __builtin_mul_overflow(static_cast<std::size_t>(count), element_size->second, &size) ||
        !bytes.contains(position, size)) {
      fail(name, "ends in the middle of storage " + key, "fetch the file again");
    }
    storages[key] = bytes.part(position, size);
    position += size;
  }
  container.storages = std::make_unique<StreamStorages>(name, std::move(storages));
  return container;
}

}  // namespace vepe::checkpoint
