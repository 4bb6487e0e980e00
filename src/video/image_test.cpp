#include "video/image.h"

#include <cstdio>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "core/atomic_file.h"
#include "video/orientation.h"
#include "video/test_support.h"

#include <jpeglib.h>

namespace vepe::video {
namespace {

// Four corners of different colours, with sides of different length: every turn and mirroring shows.
Image corners(int width = 48, int height = 32) {
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = x < width / 2 ? 220 : 40;
      pixel[1] = y < height / 2 ? 200 : 60;
      pixel[2] = (x < width / 2) == (y < height / 2) ? 30 : 180;
    }
  }
  return image;
}

cv::Mat bgr_of(const Image& image) {
  cv::Mat mat(image.height, image.width, CV_8UC3);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) mat.ptr(y)[3 * x + c] = image.row(y)[3 * x + 2 - c];
    }
  }
  return mat;
}

std::vector<std::uint8_t> bytes_of(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  return {text.begin(), text.end()};
}

// A JPEG with an APP1 segment that states the orientation, in either byte order.
std::vector<std::uint8_t> with_exif(const std::vector<std::uint8_t>& jpeg, std::uint8_t orientation, bool little) {
  std::vector<std::uint8_t> exif{0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
  if (little) {
    const std::uint8_t tiff[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
    exif.insert(exif.end(), std::begin(tiff), std::end(tiff));
  } else {
    const std::uint8_t tiff[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
    exif.insert(exif.end(), std::begin(tiff), std::end(tiff));
  }
  exif[3] = static_cast<std::uint8_t>(exif.size() - 2);
  std::vector<std::uint8_t> result(jpeg.begin(), jpeg.begin() + 2);
  result.insert(result.end(), exif.begin(), exif.end());
  result.insert(result.end(), jpeg.begin() + 2, jpeg.end());
  return result;
}

// A plain CMYK JPEG as Adobe programs write it: inks inverted.
std::vector<std::uint8_t> cmyk_jpeg(J_COLOR_SPACE stored, std::array<std::uint8_t, 4> inks, bool adobe) {
  jpeg_compress_struct codec{};
  jpeg_error_mgr errors{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&codec, &buffer, &size);
  codec.image_width = codec.image_height = 16;
  codec.input_components = 4;
  codec.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&codec);
  jpeg_set_colorspace(&codec, stored);
  codec.write_Adobe_marker = adobe ? TRUE : FALSE;
  jpeg_set_quality(&codec, 100, TRUE);
  jpeg_start_compress(&codec, TRUE);
  std::vector<std::uint8_t> row;
  for (int x = 0; x < 16; ++x) row.insert(row.end(), inks.begin(), inks.end());
  JSAMPROW rows = row.data();
  while (codec.next_scanline < 16) jpeg_write_scanlines(&codec, &rows, 1);
  jpeg_finish_compress(&codec);
  std::vector<std::uint8_t> result(buffer, buffer + size);
  jpeg_destroy_compress(&codec);
  std::free(buffer);
  return result;
}

TEST(Image, PngAndJpegComeBack) {
  TemporaryFolder folder;
  write_image(folder / "a.png", corners());
  EXPECT_TRUE(read_image(folder / "a.png").pixels == corners().pixels);
  Image smooth{64, 48, std::vector<std::uint8_t>(64 * 48 * 3)};
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      smooth.row(y)[3 * x] = static_cast<std::uint8_t>(4 * x);
      smooth.row(y)[3 * x + 1] = static_cast<std::uint8_t>(5 * y);
      smooth.row(y)[3 * x + 2] = 90;
    }
  }
  write_image(folder / "a.JPG", smooth);
  EXPECT_GT(psnr(read_image(folder / "a.JPG"), smooth), 35);
  error_line(ErrorCode::kOutput, [&] { write_image(folder / "a.gif", corners()); });
  error_line(ErrorCode::kOutput, [&] { write_image(folder / "no/a.png", corners()); });
}

TEST(Image, ContainersOfOpenCv) {
  TemporaryFolder folder;
  for (const char* name : {"a.bmp", "a.tiff", "a.webp"}) {
    std::vector<int> lossless;
    if (std::string(name) == "a.webp") lossless = {cv::IMWRITE_WEBP_QUALITY, 101};
    cv::imwrite((folder / name).string(), bgr_of(corners()), lossless);
    EXPECT_TRUE(read_image(folder / name).pixels == corners().pixels) << name;
  }
}

TEST(Image, EveryExifOrientation) {
  TemporaryFolder folder;
  write_image(folder / "a.jpg", corners());
  const std::vector<std::uint8_t> plain = bytes_of(folder / "a.jpg");
  const Image stored = decode_image(plain, "plain");
  const int w = stored.width, h = stored.height;
  // Where the stored pixel of an upright (x, y) lies, written out for each of the eight from the EXIF standard.
  const std::function<std::pair<int, int>(int, int)> stored_at[] = {[=](int x, int y) {
                                                                      return std::pair{x, y};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{w - 1 - x, y};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{w - 1 - x, h - 1 - y};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{x, h - 1 - y};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{y, x};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{y, h - 1 - x};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{w - 1 - y, h - 1 - x};
                                                                    },
                                                                    [=](int x, int y) {
                                                                      return std::pair{w - 1 - y, x};
                                                                    }};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool little : {true, false}) {
      const Image upright = decode_image(with_exif(plain, static_cast<std::uint8_t>(orientation), little), "exif");
      ASSERT_EQ(upright.width, orientation < 5 ? w : h) << orientation;
      ASSERT_EQ(upright.height, orientation < 5 ? h : w) << orientation;
      for (int y = 0; y < upright.height; ++y) {
        for (int x = 0; x < upright.width; ++x) {
          const auto [sx, sy] = stored_at[orientation - 1](x, y);
          for (int c = 0; c < 3; ++c)
            ASSERT_EQ(upright.row(y)[3 * x + c], stored.row(sy)[3 * sx + c]) << orientation << " at " << x << "," << y;
        }
      }
    }
  }
  EXPECT_TRUE(decode_image(with_exif(plain, 9, true), "bad value").pixels == stored.pixels);
  EXPECT_TRUE(decode_image(with_exif(plain, 0, true), "bad value").pixels == stored.pixels);
}

TEST(Image, BrokenExifIsPassedOver) {
  TemporaryFolder folder;
  write_image(folder / "a.jpg", corners());
  const std::vector<std::uint8_t> plain = bytes_of(folder / "a.jpg");
  const Image stored = decode_image(plain, "plain");
  for (std::size_t at = 12; at < 34; ++at) {  // any byte of the TIFF part may be wrong
    std::vector<std::uint8_t> broken = with_exif(plain, 1, true);
    broken[at] = 0xff;
    EXPECT_EQ(decode_image(broken, "broken").pixels.size(), stored.pixels.size()) << at;
  }
}

TEST(Image, CmykAndYcck) {
  for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK}) {
    // Inverted inks: 255 = none. 200/255 and 100/255 of the light pass the cyan and magenta, 128/255 the black.
    const Image image = decode_image(cmyk_jpeg(stored, {200, 100, 255, 128}, true), "cmyk");
    ASSERT_EQ(image.width, 16);
    const std::uint8_t* pixel = image.row(8) + 3 * 8;
    EXPECT_NEAR(pixel[0], 100, 4);
    EXPECT_NEAR(pixel[1], 50, 4);
    EXPECT_NEAR(pixel[2], 128, 4);
  }
  const Image plain = decode_image(cmyk_jpeg(JCS_CMYK, {55, 155, 0, 127}, false), "cmyk");  // 255 = full ink
  EXPECT_NEAR(plain.row(8)[3 * 8], 100, 4);
  EXPECT_NEAR(plain.row(8)[3 * 8 + 1], 50, 4);
  EXPECT_NEAR(plain.row(8)[3 * 8 + 2], 128, 4);
}

TEST(Image, SixteenBitGreyAndAlpha) {
  const auto decode = [](const cv::Mat& mat, const char* extension) {
    std::vector<std::uint8_t> bytes;
    cv::imencode(extension, mat, bytes);
    const Image image = decode_image(bytes, extension);
    return std::vector<int>(image.pixels.begin(), image.pixels.begin() + 3);
  };
  using Rgb = std::vector<int>;
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_8UC1, cv::Scalar(77)), ".png"), (Rgb{77, 77, 77}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_16UC1, cv::Scalar(0x8080)), ".png"), (Rgb{128, 128, 128}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_16UC1, cv::Scalar(0xfffe)), ".tiff"), (Rgb{255, 255, 255}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_16UC3, cv::Scalar(257 * 10, 257 * 20, 257 * 30)), ".png"), (Rgb{30, 20, 10}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_8UC4, cv::Scalar(50, 100, 200, 51)), ".png"), (Rgb{40, 20, 10}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_8UC4, cv::Scalar(50, 100, 200, 0)), ".png"), (Rgb{0, 0, 0}));
  EXPECT_EQ(decode(cv::Mat(4, 4, CV_16UC4, cv::Scalar(0, 0, 65535, 32768)), ".png"), (Rgb{128, 0, 0}));
  const std::vector<std::uint8_t> grey_jpeg = [] {
    std::vector<std::uint8_t> bytes;
    cv::imencode(".jpg", cv::Mat(8, 8, CV_8UC1, cv::Scalar(90)), bytes);
    return bytes;
  }();
  const Image grey = decode_image(grey_jpeg, "grey");
  EXPECT_EQ(grey.pixels.size(), 8u * 8 * 3);
  EXPECT_NEAR(grey.pixels[0], 90, 1);
  EXPECT_EQ(grey.pixels[0], grey.pixels[2]);
  std::vector<std::uint8_t> floats;
  cv::imencode(".tiff", cv::Mat(4, 4, CV_32FC3, cv::Scalar(0.5, 0.5, 0.5)), floats);
  error_line(ErrorCode::kInput, [&] { decode_image(floats, "float.tiff"); });
}

TEST(Image, CutOffFilesAreErrors) {
  TemporaryFolder folder;
  Image noise = corners(64, 64);
  for (std::size_t i = 0; i < noise.pixels.size(); ++i) noise.pixels[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  for (const char* name : {"a.jpg", "a.png", "a.bmp", "a.webp", "a.tiff"}) {
    cv::imwrite((folder / name).string(), bgr_of(noise));
    const std::vector<std::uint8_t> bytes = bytes_of(folder / name);
    EXPECT_EQ(decode_image(bytes, name).width, 64);
    for (const double share : {0.02, 0.3, 0.6, 0.9}) {
      const std::span<const std::uint8_t> part(bytes.data(), static_cast<std::size_t>(static_cast<double>(bytes.size()) * share));
      const std::string line = error_line(ErrorCode::kInput, [&] { decode_image(part, name); });
      EXPECT_NE(line.find(name), std::string::npos) << share;
    }
  }
}

TEST(Image, WhatIsNoPictureIsAnError) {
  TemporaryFolder folder;
  std::ofstream(folder / "empty.jpg").flush();
  std::ofstream(folder / "text.png") << "no picture";
  EXPECT_NE(error_line(ErrorCode::kInput, [&] { read_image(folder / "empty.jpg"); }).find("empty"), std::string::npos);
  error_line(ErrorCode::kInput, [&] { read_image(folder / "text.png"); });
  error_line(ErrorCode::kInput, [&] { read_image(folder / "missing.jpg"); });
  error_line(ErrorCode::kInput, [&] { read_image(folder.path()); });
  error_line(ErrorCode::kInput, [&] { read_image(torture("random_bytes.mp4")); });
}

TEST(Image, ZeroAndHugeSizesAreRefusedBeforeAllocation) {
  TemporaryFolder folder;
  write_image(folder / "a.png", corners());
  write_image(folder / "a.jpg", corners());
  cv::imwrite((folder / "a.bmp").string(), bgr_of(corners()));
  std::vector<std::uint8_t> png = bytes_of(folder / "a.png"), jpeg = bytes_of(folder / "a.jpg"), bmp = bytes_of(folder / "a.bmp");
  for (const std::uint8_t size : {0, 0x7f}) {
    std::fill_n(png.begin() + 16, 8, size);
    EXPECT_NE(error_line(ErrorCode::kInput, [&] { decode_image(png, "png"); }).find(size == 0 ? "no pixels" : "too large"),
              std::string::npos);
    std::fill_n(bmp.begin() + 18, 8, size);
    EXPECT_NE(error_line(ErrorCode::kInput, [&] { decode_image(bmp, "bmp"); }).find(size == 0 ? "no pixels" : "too large"),
              std::string::npos);
  }
  const std::uint8_t frame[] = {0xff, 0xc0};
  const auto header = std::search(jpeg.begin(), jpeg.end(), std::begin(frame), std::end(frame));
  ASSERT_NE(header, jpeg.end());
  std::fill_n(header + 5, 4, 0);
  error_line(ErrorCode::kInput, [&] { decode_image(jpeg, "jpeg"); });
  std::fill_n(header + 5, 4, 0xfe);
  error_line(ErrorCode::kInput, [&] { decode_image(jpeg, "jpeg"); });
}

// The definition, evaluated directly in double.
TEST(Image, ResizeIsTwoTapBilinearAtHalfPixelCentres) {
  Image image{13, 7, std::vector<std::uint8_t>(13 * 7 * 3)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 97 % 251);
  for (const auto& [width, height] : {std::pair{26, 14}, {5, 3}, {13, 3}, {40, 7}, {1, 1}, {13, 7}}) {
    const Image resized = resize_bilinear(image, width, height);
    ASSERT_EQ(resized.pixels.size(), static_cast<std::size_t>(width * height * 3));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double sx = std::max(0.0, (x + 0.5) * image.width / width - 0.5),
                     sy = std::max(0.0, (y + 0.5) * image.height / height - 0.5);
        const int x0 = static_cast<int>(sx), y0 = static_cast<int>(sy);
        const int x1 = std::min(x0 + 1, image.width - 1), y1 = std::min(y0 + 1, image.height - 1);
        for (int c = 0; c < 3; ++c) {
          const double top = image.row(y0)[3 * x0 + c] * (1 - (sx - x0)) + image.row(y0)[3 * x1 + c] * (sx - x0);
          const double bottom = image.row(y1)[3 * x0 + c] * (1 - (sx - x0)) + image.row(y1)[3 * x1 + c] * (sx - x0);
          EXPECT_NEAR(resized.row(y)[3 * x + c], top * (1 - (sy - y0)) + bottom * (sy - y0), 0.5001) << width << "x" << height;
        }
      }
    }
  }
  error_line(ErrorCode::kUsage, [&] { resize_bilinear(image, 0, 5); });
}

TEST(Image, OrientationInPngAndWebp) {
  const std::uint8_t tiff[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0};
  std::vector<std::uint8_t> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, sizeof tiff, 'e', 'X', 'I', 'f'};
  png.insert(png.end(), std::begin(tiff), std::end(tiff));
  png.insert(png.end(), 4, 0);
  EXPECT_EQ(stated_orientation(png), Orientation::kClockwise);
  std::vector<std::uint8_t> webp{'R', 'I', 'F', 'F', 50, 0, 0, 0, 'W', 'E', 'B', 'P', 'E', 'X', 'I', 'F', sizeof tiff, 0, 0, 0};
  webp.insert(webp.end(), std::begin(tiff), std::end(tiff));
  EXPECT_EQ(stated_orientation(webp), Orientation::kClockwise);
  EXPECT_EQ(stated_orientation(tiff), Orientation::kClockwise);
  for (std::size_t size = 0; size < png.size(); ++size) stated_orientation(std::span(png).first(size));  // never reads past the end
  EXPECT_EQ(stated_orientation(std::span(png).first(20)), Orientation::kUpright);
}

}  // namespace
}  // namespace vepe::video
