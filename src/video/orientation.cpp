#include "video/orientation.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace vepe::video {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool has_text(Bytes bytes, std::size_t offset, std::string_view text) {
  return offset <= bytes.size() && bytes.size() - offset >= text.size() &&
         std::memcmp(bytes.data() + offset, text.data(), text.size()) == 0;
}

// Reads integers of a TIFF structure in its own byte order; out-of-range reads give nothing.
class TiffReader {
 public:
  explicit TiffReader(Bytes bytes) : bytes_(bytes) {
    little_ = has_text(bytes, 0, {"II*\0", 4});
    valid_ = little_ || has_text(bytes, 0, {"MM\0*", 4});
  }

  // The value of a short or long tag in the first directory.
  std::optional<std::uint32_t> tag(std::uint16_t wanted) const {
    if (!valid_) return std::nullopt;
    const auto directory = number(4, 4);
    if (!directory) return std::nullopt;
    const auto count = number(*directory, 2);
    if (!count) return std::nullopt;
    for (std::size_t i = 0; i < *count; ++i) {
      const std::size_t entry = std::size_t{*directory} + 2 + i * 12;
      const auto name = number(entry, 2), type = number(entry + 2, 2);
      if (!name || !type) return std::nullopt;
      if (*name != wanted) continue;
      if (*type == 3) return number(entry + 8, 2);
      if (*type == 4) return number(entry + 8, 4);
      return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::uint32_t> number(std::size_t offset, std::size_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes_[offset + (little_ ? size - 1 - i : i)];
    return value;
  }

  Bytes bytes_;
  bool little_ = false, valid_ = false;
};

std::uint32_t big_endian(Bytes bytes, std::size_t offset, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[offset + i];
  return value;
}

Bytes exif_of_jpeg(Bytes file) {
  std::size_t at = 2;
  while (at + 4 <= file.size() && file[at] == 0xff) {
    const std::uint8_t marker = file[at + 1];
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) return {};  // picture data: EXIF stands before it
    const std::size_t length = big_endian(file, at + 2, 2);
    if (length < 2 || length > file.size() - at - 2) return {};
    if (marker == 0xe1 && length >= 8 && has_text(file, at + 4, {"Exif\0", 5})) return file.subspan(at + 10, length - 8);
    at += 2 + length;
  }
  return {};
}

Bytes exif_of_png(Bytes file) {
  std::size_t at = 8;
  while (at <= file.size() && file.size() - at >= 12) {
    const std::size_t length = big_endian(file, at, 4);
    if (length > file.size() - at - 12) return {};
    if (has_text(file, at + 4, "eXIf")) return file.subspan(at + 8, length);
    at += 12 + length;
  }
  return {};
}

Bytes exif_of_webp(Bytes file) {
  std::size_t at = 12;
  while (at <= file.size() && file.size() - at >= 8) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length |= std::size_t{file[at + 4 + i]} << (8 * i);
    if (length > file.size() - at - 8) return {};
    if (has_text(file, at, "EXIF")) {
      const Bytes content = file.subspan(at + 8, length);
      return has_text(content, 0, {"Exif\0\0", 6}) ? content.subspan(6) : content;  // some writers keep the JPEG prefix
    }
    at += 8 + length + length % 2;
  }
  return {};
}

}  // namespace

bool swaps_sides(Orientation orientation) { return static_cast<int>(orientation) >= static_cast<int>(Orientation::kTransposed); }

Image make_upright(Image image, Orientation orientation) {
  if (orientation == Orientation::kUpright) return image;
  const int code = static_cast<int>(orientation);
  const bool swapped = swaps_sides(orientation);
  // The upright pixel (x, y) is the stored pixel at (x, y), read backwards where asked, with axes exchanged if swapped.
  const bool reverse_x = code == 2 || code == 3 || code == 7 || code == 8;
  const bool reverse_y = code == 3 || code == 4 || code == 6 || code == 7;
  Image upright{swapped ? image.height : image.width, swapped ? image.width : image.height,
                std::vector<std::uint8_t>(image.pixels.size())};
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{3} * image.width;
  const std::ptrdiff_t step_x = reverse_x ? -3 : 3, step_y = reverse_y ? -row_bytes : row_bytes;
  const std::ptrdiff_t origin = (reverse_x ? row_bytes - 3 : 0) + (reverse_y ? row_bytes * (image.height - 1) : 0);
  const std::ptrdiff_t along = swapped ? step_y : step_x, down = swapped ? step_x : step_y;
  constexpr int kTile = 32;  // turning by columns misses the cache on every pixel unless it is done in tiles
  for (int y0 = 0; y0 < upright.height; y0 += kTile) {
    for (int x0 = 0; x0 < upright.width; x0 += kTile) {
      for (int y = y0; y < std::min(y0 + kTile, upright.height); ++y) {
        const std::uint8_t* from = image.pixels.data() + origin + along * x0 + down * y;
        std::uint8_t* to = upright.row(y) + 3 * x0;
        for (int x = x0; x < std::min(x0 + kTile, upright.width); ++x, from += along, to += 3) {
          to[0] = from[0];
          to[1] = from[1];
          to[2] = from[2];
        }
      }
    }
  }
  return upright;
}

Orientation stated_orientation(Bytes file) {
  Bytes exif;
  if (has_text(file, 0, "\xff\xd8\xff")) exif = exif_of_jpeg(file);
  if (has_text(file, 0, "\x89PNG\r\n\x1a\n")) exif = exif_of_png(file);
  if (has_text(file, 0, "RIFF") && has_text(file, 8, "WEBP")) exif = exif_of_webp(file);
  if (has_text(file, 0, "II*") || has_text(file, 0, "MM")) exif = file;
  const auto value = TiffReader(exif).tag(0x0112);
  return value && *value >= 1 && *value <= 8 ? static_cast<Orientation>(*value) : Orientation::kUpright;
}

TiffSize tiff_size(Bytes tiff) {
  const TiffReader reader(tiff);
  return {reader.tag(0x0100).value_or(0), reader.tag(0x0101).value_or(0)};
}

}  // namespace vepe::video
