#include "video/image.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <string_view>

#include "core/atomic_file.h"
#include "core/error.h"
#include "video/image_jpeg.h"
#include "video/orientation.h"

namespace vepe::video {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr char kReplace[] = "replace the file by a sound copy";
constexpr char kConvert[] = "convert it to JPEG or PNG";

bool has_text(Bytes bytes, std::size_t offset, std::string_view text) {
  return offset <= bytes.size() && bytes.size() - offset >= text.size() &&
         std::memcmp(bytes.data() + offset, text.data(), text.size()) == 0;
}

std::uint32_t number(Bytes bytes, std::size_t offset, bool little) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[offset + (little ? 3 - i : i)];
  return value;
}

// libpng prints on a file that stops early, so the chain of chunks is walked first.
void check_png(Bytes file, std::uint64_t max_pixels, const std::string& where) {
  if (file.size() < 33 || !has_text(file, 12, "IHDR")) throw Error(ErrorCode::kInput, where, "broken PNG: no header", kReplace);
  check_image_size(number(file, 16, false), number(file, 20, false), max_pixels, where);
  std::size_t at = 8;
  while (file.size() - at >= 12) {
    const std::size_t length = number(file, at, false);
    if (length > file.size() - at - 12) break;
    if (has_text(file, at + 4, "IEND")) return;
    at += 12 + length;
  }
  throw Error(ErrorCode::kInput, where, "truncated PNG: the data ends before the picture does", kReplace);
}

// OpenCV prints on a file that stops early; for plain rows the header tells how many bytes there have to be.
void check_bmp(Bytes file, std::uint64_t max_pixels, const std::string& where) {
  if (file.size() < 34) throw Error(ErrorCode::kInput, where, "truncated BMP: no header", kReplace);
  if (number(file, 14, true) < 40) return;  // the old header holds 16-bit sizes, which are small enough
  const auto width = static_cast<std::int32_t>(number(file, 18, true)), height = static_cast<std::int32_t>(number(file, 22, true));
  check_image_size(static_cast<std::uint64_t>(std::max(0, width)), static_cast<std::uint64_t>(std::abs(std::int64_t{height})),
                   max_pixels, where);
  const std::uint64_t start = number(file, 10, true), bits = file[28] | file[29] << 8, compression = number(file, 30, true);
  const std::uint64_t row_bytes = (static_cast<std::uint64_t>(width) * bits + 31) / 32 * 4;
  const bool plain = compression == 0 || compression == 3;
  if (plain && start + row_bytes * static_cast<std::uint64_t>(std::abs(std::int64_t{height})) > file.size()) {
    throw Error(ErrorCode::kInput, where, "truncated BMP: the data ends before the picture does", kReplace);
  }
}

// False for a container that is none of the four. JPEG is handled before.
bool check_container(Bytes file, std::uint64_t max_pixels, const std::string& where) {
  if (has_text(file, 0, "\x89PNG\r\n\x1a\n")) {
    check_png(file, max_pixels, where);
  } else if (has_text(file, 0, "BM")) {
    check_bmp(file, max_pixels, where);
  } else if (has_text(file, 0, {"II*\0", 4}) || has_text(file, 0, {"MM\0*", 4})) {
    const TiffSize size = tiff_size(file);
    check_image_size(size.width, size.height, max_pixels, where);
  } else {
    return has_text(file, 0, "RIFF") && has_text(file, 8, "WEBP");  // WebP: at most 16383 pixels a side
  }
  return true;
}

// 8- or 16-bit samples of 1 to 4 channels in OpenCV's order (blue first, alpha last) as 8-bit RGB.
template <typename Sample>
void to_rgb(const cv::Mat& decoded, Image& image) {
  constexpr std::uint32_t kFull = sizeof(Sample) == 1 ? 255 : 65535;
  const int channels = decoded.channels();
  const bool alpha = channels == 4 || channels == 2, grey = channels < 3;
  for (int y = 0; y < image.height; ++y) {
    const Sample* from = decoded.ptr<Sample>(y);
    std::uint8_t* to = image.row(y);
    for (int x = 0; x < image.width; ++x, from += channels, to += 3) {
      const std::uint64_t weight = alpha ? from[channels - 1] : kFull;
      for (int c = 0; c < 3; ++c) {
        const std::uint64_t sample = grey ? from[0] : from[2 - c];
        const std::uint64_t full = std::uint64_t{kFull} * kFull;
        to[c] = static_cast<std::uint8_t>((sample * weight * 255 + full / 2) / full);
      }
    }
  }
}

Image decode_with_opencv(Bytes bytes, std::uint64_t max_pixels, const std::string& where) {
  cv::Mat decoded;
  try {
    const cv::Mat view(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<std::uint8_t*>(bytes.data()));
    decoded = cv::imdecode(view, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception& error) {
    throw Error(ErrorCode::kInput, where, "cannot decode the picture: " + error.err, kReplace);
  }
  if (decoded.empty()) throw Error(ErrorCode::kInput, where, "cannot decode the picture (broken or truncated)", kReplace);
  check_image_size(static_cast<std::uint64_t>(decoded.cols), static_cast<std::uint64_t>(decoded.rows), max_pixels, where);
  Image image{decoded.cols, decoded.rows, {}};
  image.pixels.resize(static_cast<std::size_t>(decoded.cols) * static_cast<std::size_t>(decoded.rows) * 3);
  if (decoded.depth() == CV_8U && decoded.channels() <= 4) {
    to_rgb<std::uint8_t>(decoded, image);
  } else if (decoded.depth() == CV_16U && decoded.channels() <= 4) {
    to_rgb<std::uint16_t>(decoded, image);
  } else {
    throw Error(ErrorCode::kInput, where, "the picture holds neither 8-bit nor 16-bit samples", kConvert);
  }
  return image;
}

}  // namespace

Image decode_image(Bytes bytes, const std::string& where, std::uint64_t max_pixels) {
  if (bytes.empty()) throw Error(ErrorCode::kInput, where, "the file is empty", kReplace);
  if (bytes.size() > 0x7fffffff) throw Error(ErrorCode::kInput, where, "the file is larger than 2 GB", kConvert);
  if (has_text(bytes, 0, "\xff\xd8\xff")) return make_upright(decode_jpeg(bytes, where, max_pixels), stated_orientation(bytes));
  if (!check_container(bytes, max_pixels, where))
    throw Error(ErrorCode::kInput, where, "is no JPEG, PNG, BMP, TIFF or WebP picture", kConvert);
  return make_upright(decode_with_opencv(bytes, max_pixels, where), stated_orientation(bytes));
}

Image read_image(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path))
    throw Error(ErrorCode::kInput, path.string(), "is a folder, not a picture", "name the files in it");
  const std::string bytes = read_file(path);
  return decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path.string());
}

void write_image(const std::filesystem::path& path, const Image& image) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  std::vector<std::uint8_t> bytes;
  if (extension == ".jpg" || extension == ".jpeg") {
    bytes = encode_jpeg(image, 92);
  } else if (extension == ".png") {
    cv::Mat bgr(image.height, image.width, CV_8UC3);
    for (int y = 0; y < image.height; ++y) {
      const std::uint8_t* from = image.row(y);
      std::uint8_t* to = bgr.ptr<std::uint8_t>(y);
      for (int x = 0; x < image.width; ++x, from += 3, to += 3) to[0] = from[2], to[1] = from[1], to[2] = from[0];
    }
    cv::imencode(".png", bgr, bytes);
  } else {
    throw Error(ErrorCode::kOutput, path.string(), "cannot write pictures of this kind", "use the extension .png or .jpg");
  }
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace vepe::video
