#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "checkpoint/byte_reader.h"

namespace vepe::checkpoint {

// A zip archive whose members are stored uncompressed, as torch writes it (zip64 included). Opening checks the whole
// directory: every range inside the file, no overlaps, no members twice, no names that lead out of a folder. Members
// that are compressed or encrypted are listed but refused when they are read.
class ZipArchive {
 public:
  struct Member {
    Bytes data;
    std::uint32_t crc = 0;
    bool readable = true;  // stored and not encrypted
  };

  // `bytes` must outlive the object; `name` stands for the file in messages. Throws Error(kInput).
  ZipArchive(std::string name, Bytes bytes);

  static bool looks_like_zip(Bytes bytes);

  const std::map<std::string, Member, std::less<>>& members() const { return members_; }
  const Member* find(std::string_view member) const;

  // Content after its checksum was compared. Throws Error(kInput).
  Bytes read(std::string_view member) const;

 private:
  [[noreturn]] void fail(const std::string& message) const;
  void read_directory(std::size_t offset, std::size_t size, std::uint64_t count);
  Member locate(const std::string& name, std::size_t local_offset, std::size_t size) const;

  std::string name_;
  Bytes bytes_;
  std::map<std::string, Member, std::less<>> members_;
};

// CRC-32 as zip uses it.
std::uint32_t crc32(Bytes bytes, std::uint32_t crc = 0);

}  // namespace vepe::checkpoint
