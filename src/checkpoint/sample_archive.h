#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/zip_archive.h"

// For tests: archives and pickles put together byte by byte, right or wrong.
namespace vepe::checkpoint::sample {

inline Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

template <typename Number>
std::string little(Number number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

struct Member {
  std::string name, data;
  std::uint16_t method = 0, flags = 0;
  std::uint32_t unpacked = 0xfffffffe;  // stated size if it is not the true one
  std::uint32_t crc_change = 0;
  std::int64_t offset_change = 0;  // added to the offset that the directory states
};

// A zip archive of stored members.
inline std::string zip(const std::vector<Member>& members) {
  std::string file, directory;
  for (const Member& member : members) {
    const std::uint32_t crc = crc32(bytes_of(member.data)) + member.crc_change;
    const auto packed = static_cast<std::uint32_t>(member.data.size());
    const std::uint32_t unpacked = member.unpacked == 0xfffffffe ? packed : member.unpacked;
    const auto offset = static_cast<std::uint32_t>(static_cast<std::int64_t>(file.size()) + member.offset_change);
    const std::string common = little<std::uint16_t>(20) + little(member.flags) + little(member.method) + little<std::uint32_t>(0) +
                               little(crc) + little(packed) + little(unpacked) +
                               little(static_cast<std::uint16_t>(member.name.size())) + little<std::uint16_t>(0);
    file += "PK\x03\x04" + common + member.name + member.data;
    directory += "PK\x01\x02" + little<std::uint16_t>(20) + common + little<std::uint16_t>(0) + little<std::uint16_t>(0) +
                 little<std::uint16_t>(0) + little<std::uint32_t>(0) + little(offset) + member.name;
  }
  const auto count = static_cast<std::uint16_t>(members.size());
  const auto start = static_cast<std::uint32_t>(file.size());
  return file + directory + "PK\x05\x06" + little<std::uint32_t>(0) + little(count) + little(count) +
         little(static_cast<std::uint32_t>(directory.size())) + little(start) + little<std::uint16_t>(0);
}

inline std::string text(const std::string& value) { return "X" + little(static_cast<std::uint32_t>(value.size())) + value; }
inline std::string integer(std::int32_t value) { return "J" + little(value); }
inline std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }

// The persistent id of a storage of `count` elements.
inline std::string storage(const std::string& type = "FloatStorage", const std::string& key = "0", std::int32_t count = 4) {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(count) + "tQ";
}

inline std::string tuple(const std::vector<std::int32_t>& numbers) {
  std::string result = "(";
  for (const std::int32_t number : numbers) result += integer(number);
  return result + "t";
}

// A rebuilt tensor over `storage`.
inline std::string tensor(const std::string& storage, std::int32_t offset, const std::string& sizes, const std::string& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + sizes + strides + "\x89" +
         global("collections", "OrderedDict") + ")RtR";
}
inline std::string good_tensor() { return tensor(storage(), 0, tuple({2, 2}), tuple({2, 1})); }

// A pickle whose object is {"w": value}.
inline std::string dict_pickle(const std::string& value) { return "\x80\x02}" + text("w") + value + "s."; }

// A whole checkpoint around a pickle, with one storage of 16 bytes.
inline std::vector<Member> members(const std::string& pickle) {
  return {{"archive/data.pkl", pickle}, {"archive/data/0", std::string("0123456789abcdef")}, {"archive/version", "3\n"}};
}
inline std::string checkpoint(const std::string& pickle) { return zip(members(pickle)); }

}  // namespace vepe::checkpoint::sample
