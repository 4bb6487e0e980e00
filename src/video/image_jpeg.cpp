#include "video/image_jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/error.h"

// jpeglib.h needs <cstdio> before it.
#include <jerror.h>
#include <jpeglib.h>

namespace vepe::video {
namespace {

// libjpeg reports by callbacks: an error jumps back to `jump`, a warning is noted. It must print nothing.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX] = "";
  bool truncated = false;
};

void on_error(j_common_ptr codec) {
  auto* errors = reinterpret_cast<JpegErrors*>(codec->err);
  codec->err->format_message(codec, errors->text);
  std::longjmp(errors->jump, 1);
}

void on_message(j_common_ptr codec, int level) {
  if (level < 0 && codec->err->msg_code == JWRN_JPEG_EOF) reinterpret_cast<JpegErrors*>(codec->err)->truncated = true;
}

void on_output(j_common_ptr) {}

jpeg_error_mgr* prepare(JpegErrors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = on_error;
  errors.manager.emit_message = on_message;
  errors.manager.output_message = on_output;
  return &errors.manager;
}

// The codec lives outside the function that calls setjmp, so that a jump passes no destructor.
struct Decompressor {
  jpeg_decompress_struct codec{};
  JpegErrors errors;

  Decompressor() { codec.err = prepare(errors); }
  ~Decompressor() { jpeg_destroy_decompress(&codec); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool read_header(std::span<const std::uint8_t> bytes) {
    if (setjmp(errors.jump) != 0) return false;
    jpeg_create_decompress(&codec);
    jpeg_mem_src(&codec, bytes.data(), bytes.size());
    jpeg_read_header(&codec, TRUE);
    const bool inks = codec.jpeg_color_space == JCS_CMYK || codec.jpeg_color_space == JCS_YCCK;
    codec.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    codec.dct_method = JDCT_ISLOW;
    return true;
  }

  bool read_rows(std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(errors.jump) != 0) return false;
    jpeg_start_decompress(&codec);
    while (codec.output_scanline < codec.output_height) {
      JSAMPROW row = pixels + codec.output_scanline * row_bytes;
      jpeg_read_scanlines(&codec, &row, 1);
    }
    jpeg_finish_decompress(&codec);
    return true;
  }
};

[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw Error(ErrorCode::kInput, where, message, "replace the file by a sound copy");
}

// Adobe writes inks inverted (255 = no ink), and so do nearly all CMYK JPEGs; the marker says so.
std::vector<std::uint8_t> rgb_from_cmyk(const std::vector<std::uint8_t>& inks, bool inverted) {
  std::vector<std::uint8_t> rgb(inks.size() / 4 * 3);
  for (std::size_t from = 0, to = 0; from < inks.size(); from += 4, to += 3) {
    const int black = inverted ? inks[from + 3] : 255 - inks[from + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int ink = inverted ? inks[from + c] : 255 - inks[from + c];
      rgb[to + c] = static_cast<std::uint8_t>((ink * black + 127) / 255);
    }
  }
  return rgb;
}

struct Compressor {
  jpeg_compress_struct codec{};
  JpegErrors errors;
  unsigned char* buffer = nullptr;
  unsigned long size = 0;

  Compressor() { codec.err = prepare(errors); }
  ~Compressor() {
    jpeg_destroy_compress(&codec);
    std::free(buffer);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  bool write(const Image& image, int quality) {
    if (setjmp(errors.jump) != 0) return false;
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &buffer, &size);
    codec.image_width = static_cast<JDIMENSION>(image.width);
    codec.image_height = static_cast<JDIMENSION>(image.height);
    codec.input_components = 3;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, quality, TRUE);
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
      JSAMPROW row = const_cast<std::uint8_t*>(image.row(static_cast<int>(codec.next_scanline)));
      jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    return true;
  }
};

}  // namespace

void check_image_size(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels, const std::string& where) {
  if (width == 0 || height == 0)
    throw Error(ErrorCode::kInput, where, "the picture has no pixels (its width or height is 0)", "remove the file");
  if (width > max_pixels || height > max_pixels / width) {
    throw Error(ErrorCode::kInput, where, "the picture is too large: " + std::to_string(width) + "x" + std::to_string(height),
                "reduce it below " + std::to_string(max_pixels / 1000000) + " megapixels");
  }
}

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& where, std::uint64_t max_pixels) {
  Decompressor jpeg;
  if (!jpeg.read_header(bytes)) fail(where, std::string("broken JPEG: ") + jpeg.errors.text);
  check_image_size(jpeg.codec.image_width, jpeg.codec.image_height, max_pixels, where);
  const bool inks = jpeg.codec.out_color_space == JCS_CMYK;
  Image image{static_cast<int>(jpeg.codec.image_width), static_cast<int>(jpeg.codec.image_height), {}};
  const std::size_t row_bytes = std::size_t{jpeg.codec.image_width} * (inks ? 4 : 3);
  image.pixels.resize(row_bytes * jpeg.codec.image_height);
  if (!jpeg.read_rows(image.pixels.data(), row_bytes)) fail(where, std::string("broken JPEG: ") + jpeg.errors.text);
  if (jpeg.errors.truncated) fail(where, "truncated JPEG: the data ends before the picture does");
  if (inks) image.pixels = rgb_from_cmyk(image.pixels, jpeg.codec.saw_Adobe_marker != 0);
  return image;
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  Compressor jpeg;
  if (!jpeg.write(image, quality)) throw Error(ErrorCode::kOutput, "", std::string("cannot write JPEG: ") + jpeg.errors.text);
  return {jpeg.buffer, jpeg.buffer + jpeg.size};
}

}  // namespace vepe::video
