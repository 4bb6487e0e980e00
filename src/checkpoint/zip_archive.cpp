#include "checkpoint/zip_archive.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace vepe::checkpoint {
namespace {

// Record layouts: PKWARE APPNOTE 6.3, sections 4.3.7 to 4.3.16.
constexpr std::uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                        kEnd64Locator = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20, kMaxComment = 65535;
constexpr std::uint32_t kIn64 = 0xffffffff;  // "look in the zip64 field"
constexpr const char* kRemedy = "fetch the file again, or save it again with torch.save";

struct Directory {
  std::uint64_t offset = 0, size = 0, count = 0;
};

bool unsafe_name(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != name.npos || name.find('\0') != name.npos) return true;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return true;
    begin = end + 1;
  }
  return false;
}

// Position of the end record: the last one whose comment reaches exactly to the end of the file.
std::size_t find_end(Bytes bytes) {
  if (bytes.size() < kEndSize) return bytes.size();
  const std::size_t last = bytes.size() - kEndSize;
  for (std::size_t back = 0; back <= std::min(last, kMaxComment); ++back) {
    const std::size_t at = last - back;
    if (bytes.number<std::uint32_t>(at) == kEnd && bytes.number<std::uint16_t>(at + 20) == back) return at;
  }
  return bytes.size();
}

// The zip64 extra field replaces, in this order, those of the three numbers that are all ones.
bool read_zip64_extra(Bytes extra, std::uint64_t& size, std::uint64_t& packed, std::uint64_t& offset) {
  std::size_t at = 0;
  while (extra.contains(at, 4)) {
    const auto id = extra.number<std::uint16_t>(at);
    const std::size_t length = extra.number<std::uint16_t>(at + 2);
    at += 4;
    if (!extra.contains(at, length)) return false;
    if (id == 1) {
      std::size_t field = at;
      for (std::uint64_t* number : {&size, &packed, &offset}) {
        if (*number != kIn64) continue;
        if (field + 8 > at + length) return false;
        *number = extra.number<std::uint64_t>(field);
        field += 8;
      }
      return true;
    }
    at += length;
  }
  return false;
}

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_crc_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320U : 0U);
    tables[0][byte] = crc;
  }
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    for (int slice = 1; slice < 8; ++slice) {
      tables[slice][byte] = (tables[slice - 1][byte] >> 8) ^ tables[0][tables[slice - 1][byte] & 0xff];
    }
  }
  return tables;
}

}  // namespace

std::uint32_t crc32(Bytes bytes, std::uint32_t crc) {
  constexpr static auto tables = make_crc_tables();
  crc = ~crc;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t word = bytes.number<std::uint64_t>(at) ^ crc;
    crc = 0;
    for (int slice = 0; slice < 8; ++slice) crc ^= tables[7 - slice][(word >> (8 * slice)) & 0xff];
  }
  for (; at < bytes.size(); ++at) crc = (crc >> 8) ^ tables[0][(crc ^ bytes.number<std::uint8_t>(at)) & 0xff];
  return ~crc;
}

bool ZipArchive::looks_like_zip(Bytes bytes) {
  return bytes.size() >= 4 && (bytes.number<std::uint32_t>(0) == kLocalHeader || bytes.number<std::uint32_t>(0) == kEnd);
}

ZipArchive::ZipArchive(std::string name, Bytes bytes) : name_(std::move(name)), bytes_(bytes) {
  const std::size_t end = find_end(bytes_);
  if (end == bytes_.size()) fail("the zip directory at the end is missing (is the file truncated?)");
  Directory directory;
  directory.count = bytes_.number<std::uint16_t>(end + 10);
  directory.size = bytes_.number<std::uint32_t>(end + 12);
  directory.offset = bytes_.number<std::uint32_t>(end + 16);
  if (directory.count == 0xffff || directory.size == kIn64 || directory.offset == kIn64) {
    if (end < kLocatorSize || bytes_.number<std::uint32_t>(end - kLocatorSize) != kEnd64Locator)
      fail("the zip64 locator is missing");
    const auto at = bytes_.number<std::uint64_t>(end - kLocatorSize + 8);
    if (!bytes_.contains(at, kEnd64Size) || bytes_.number<std::uint32_t>(at) != kEnd64) fail("the zip64 end record is missing");
    directory.count = bytes_.number<std::uint64_t>(at + 32);
    directory.size = bytes_.number<std::uint64_t>(at + 40);
    directory.offset = bytes_.number<std::uint64_t>(at + 48);
  }
  if (!bytes_.contains(directory.offset, directory.size) || directory.offset + directory.size > end) {
    fail("the zip directory lies outside the file");
  }
  read_directory(directory.offset, directory.size, directory.count);
}

void ZipArchive::fail(const std::string& message) const { throw Error(ErrorCode::kInput, name_, message, kRemedy); }

void ZipArchive::read_directory(std::size_t offset, std::size_t size, std::uint64_t count) {
  if (count > size / kEntrySize) fail("the zip directory is shorter than the number of members that it states");
  const Bytes directory = bytes_.part(offset, size);
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  std::size_t at = 0;
  for (std::uint64_t index = 0; index < count; ++index) {
    if (!directory.contains(at, kEntrySize) || directory.number<std::uint32_t>(at) != kDirectoryEntry)
      fail("a zip directory entry is damaged");
    const auto flags = directory.number<std::uint16_t>(at + 8), method = directory.number<std::uint16_t>(at + 10);
    const auto crc = directory.number<std::uint32_t>(at + 16);
    std::uint64_t packed = directory.number<std::uint32_t>(at + 20), unpacked = directory.number<std::uint32_t>(at + 24);
    std::uint64_t local = directory.number<std::uint32_t>(at + 42);
    const std::size_t name_size = directory.number<std::uint16_t>(at + 28), extra_size = directory.number<std::uint16_t>(at + 30),
                      comment_size = directory.number<std::uint16_t>(at + 32);
    if (!directory.contains(at + kEntrySize, name_size + extra_size + comment_size)) fail("a zip directory entry is damaged");
    const std::string member(directory.part(at + kEntrySize, name_size).text());
    if (unsafe_name(member)) fail("the member name \"" + member + "\" leads out of the archive");
    if (packed == kIn64 || unpacked == kIn64 || local == kIn64) {
      const Bytes extra = directory.part(at + kEntrySize + name_size, extra_size);
      if (!read_zip64_extra(extra, unpacked, packed, local)) fail("member " + member + " lacks its zip64 sizes");
    }
    Member located = locate(member, local, packed);
    located.crc = crc;
    located.readable = method == 0 && (flags & 1) == 0;
    if (located.readable && packed != unpacked) fail("member " + member + " states two sizes");
    ranges.emplace_back(local, static_cast<std::size_t>(located.data.data() - bytes_.data()) + packed);
    if (ranges.back().second > offset) fail("member " + member + " overlaps the zip directory");
    if (!members_.emplace(member, located).second) fail("member " + member + " is there twice");
    at += kEntrySize + name_size + extra_size + comment_size;
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) fail("members overlap at byte " + std::to_string(ranges[i].first));
  }
}

// The local header repeats the name; its sizes may be zero (torch writes them behind the data).
ZipArchive::Member ZipArchive::locate(const std::string& name, std::size_t local_offset, std::size_t size) const {
  if (!bytes_.contains(local_offset, kLocalSize) || bytes_.number<std::uint32_t>(local_offset) != kLocalHeader) {
    fail("member " + name + " has no header where the directory says");
  }
  const std::size_t name_size = bytes_.number<std::uint16_t>(local_offset + 26),
                    extra_size = bytes_.number<std::uint16_t>(local_offset + 28);
  const std::size_t begin = local_offset + kLocalSize + name_size + extra_size;
  if (!bytes_.contains(begin, size)) fail("member " + name + " reaches beyond the end of the file");
  if (bytes_.part(local_offset + kLocalSize, name_size).text() != name) fail("member " + name + " has another name in its header");
  return {bytes_.part(begin, size)};
}

const ZipArchive::Member* ZipArchive::find(std::string_view member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? nullptr : &found->second;
}

Bytes ZipArchive::read(std::string_view member) const {
  const Member* found = find(member);
  const std::string label = "member " + std::string(member);
  if (!found) fail(label + " is missing");
  if (!found->readable) fail(label + " is compressed or encrypted, which torch never writes");
  // Some writers leave the checksum out, as 0.
  if (found->crc != 0 && crc32(found->data) != found->crc) fail(label + " is damaged (checksum)");
  return found->data;
}

}  // namespace vepe::checkpoint
