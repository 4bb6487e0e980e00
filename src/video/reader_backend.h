#pragma once

#include "video/reader.h"

namespace vepe::video {

// What stands behind VideoReader: libav, or a list of pictures.
struct VideoReader::Backend {
  virtual ~Backend() = default;
  virtual bool read(Frame& frame) = 0;

  VideoInfo info;
  ReadReport report;
};

std::unique_ptr<VideoReader::Backend> open_with_libav(const std::string& source, const ReaderOptions& options);
std::unique_ptr<VideoReader::Backend> open_pictures(std::vector<std::filesystem::path> pictures, const ReaderOptions& options);

}  // namespace vepe::video
