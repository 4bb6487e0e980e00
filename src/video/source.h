#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"

namespace vepe::video {

enum class SourceKind {
  kVideo,    // anything VideoReader opens by name: file, "-", camera, address
  kPicture,  // one picture
  kSequence  // the pictures of one folder or pattern, in the order of their numbers
};

// One thing to predict on.
struct Source {
  SourceKind kind = SourceKind::kVideo;
  std::string name;                             // for messages and for VideoReader
  std::vector<std::filesystem::path> pictures;  // of kPicture (one) and kSequence
  std::string stem;                             // base name of output files, unique within one expansion
};

struct Expansion {
  std::vector<Source> sources;
  std::vector<Error> errors;  // one per item that names nothing usable; the others are still in `sources`
};

// Expands what a user wrote: picture, video, folder (its pictures become one sequence, its videos one source each; not
// its sub-folders), glob with * ? [..], printf pattern (frame_%06d.png), "@list.txt" (one item a line, # comments,
// relative to the list's folder), "-", camera, address. With `pictures_apart` the pictures of a folder or glob are single
// sources instead of a sequence in time. Whether something is a picture is decided by its extension, else by its first bytes.
Expansion expand_sources(const std::vector<std::string>& items, bool pictures_apart = false);

// A regular file that is called or begins like a JPEG, PNG, BMP, TIFF or WebP picture; it may still be broken.
bool is_picture_file(const std::filesystem::path& path);

}  // namespace vepe::video
