#include "video/source.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string_view>

#include "core/atomic_file.h"
#include "video/libav.h"

namespace vepe::video {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// "frame9" before "frame10": runs of digits compare as numbers.
bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    std::size_t end_a = i, end_b = j;
    while (end_a < a.size() && is_digit(a[end_a])) ++end_a;
    while (end_b < b.size() && is_digit(b[end_b])) ++end_b;
    while (i < end_a && a[i] == '0') ++i;
    while (j < end_b && b[j] == '0') ++j;
    if (end_a - i != end_b - j) return end_a - i < end_b - j;
    const int order = a.compare(i, end_a - i, b, j, end_b - j);
    if (order != 0) return order < 0;
    i = end_a, j = end_b;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;
}

bool has_extension(const fs::path& path, std::span<const std::string_view> extensions) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool looks_like_video(const fs::path& path) {
  static constexpr std::string_view kExtensions[] = {".mp4",  ".m4v", ".mov",  ".avi",  ".mkv",  ".webm", ".ts",  ".mts",
                                                     ".m2ts", ".mpg", ".mpeg", ".wmv",  ".flv",  ".3gp",  ".ogv", ".gif",
                                                     ".y4m",  ".mxf", ".vob",  ".h264", ".hevc", ".mjpeg"};
  return has_extension(path, kExtensions);
}

std::string stem_of(const std::string& name) {
  if (name == "-") return "stdin";
  fs::path path(name);
  if (is_address(name)) path = name.substr(name.find("://") + 3);
  std::string stem = path.stem().string();
  if (stem.empty()) stem = path.parent_path().filename().string();  // a folder written with a slash at its end
  for (char& c : stem) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0 || std::string_view("/\\:*?%\"<>|").find(c) != std::string_view::npos)
      c = '_';
  }
  return stem.empty() || stem == "." || stem == ".." ? "source" : stem;
}

class Expander {
 public:
  explicit Expander(bool pictures_apart) : pictures_apart_(pictures_apart) {}

  void add(const std::string& item, int depth = 0) {
    try {
      expand(item, depth);
    } catch (const Error& error) {
      result_.errors.push_back(error);
    } catch (const fs::filesystem_error& error) {
      result_.errors.emplace_back(ErrorCode::kInput, item, "cannot be read: " + error.code().message(),
                                  "check the path and its permissions");
    }
  }

  Expansion finish() {
    std::set<std::string> taken;
    for (Source& source : result_.sources) {
      const std::string stem = source.stem;
      for (int number = 2; !taken.insert(source.stem).second; ++number) source.stem = stem + "-" + std::to_string(number);
    }
    return std::move(result_);
  }

 private:
  void expand(const std::string& item, int depth) {
    if (item.empty()) throw Error(ErrorCode::kInput, "", "an empty source", "name a picture, a video or a folder");
    if (item == "-" || is_address(item) || is_camera(item)) return add_video(item);
    if (fs::is_directory(item)) return add_folder(item);
    if (fs::exists(item)) return is_picture_file(item) ? add_pictures(item, {item}, true) : add_video(item);
    if (item[0] == '@') return add_list(item.substr(1), depth);
    if (item.find_first_of("*?[") != std::string::npos) return add_glob(item);
    if (std::regex_search(item, std::regex("%0?[0-9]*d"))) return add_pattern(item);
    throw Error(ErrorCode::kInput, item, "there is no such file", "check the path; a camera is /dev/video0, a stream rtsp://...");
  }

  void add_video(const std::string& name) { result_.sources.push_back({SourceKind::kVideo, name, {}, stem_of(name)}); }

  void add_pictures(const std::string& name, std::vector<fs::path> pictures, bool apart) {
    if (!apart) {
      result_.sources.push_back({SourceKind::kSequence, name, std::move(pictures), stem_of(name)});
      return;
    }
    for (const fs::path& picture : pictures) {
      result_.sources.push_back({SourceKind::kPicture, picture.string(), {picture}, stem_of(picture.string())});
    }
  }

  // Files that are neither pictures nor videos (readme, annotations) are passed over; only if nothing is left it is an error.
  void add_files(const std::string& name, std::vector<fs::path> files, const char* what) {
    std::sort(files.begin(), files.end(),
              [](const fs::path& a, const fs::path& b) { return natural_less(a.string(), b.string()); });
    std::vector<fs::path> pictures, videos;
    for (fs::path& file : files) {
      if (is_picture_file(file)) {
        pictures.push_back(std::move(file));
      } else if (looks_like_video(file)) {
        videos.push_back(std::move(file));
      }
    }
    if (pictures.empty() && videos.empty()) {
      throw Error(ErrorCode::kInput, name, std::string(what) + " no picture and no video", "check the path");
    }
    if (!pictures.empty()) add_pictures(name, std::move(pictures), pictures_apart_);
    for (const fs::path& video : videos) add_video(video.string());
  }

  void add_folder(const std::string& name) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(name)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    add_files(name, std::move(files), "the folder holds");
  }

  void add_glob(const std::string& pattern) {
    glob_t found{};
    const int status = ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
    std::vector<fs::path> files;
    if (status == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        if (fs::is_regular_file(found.gl_pathv[i])) files.emplace_back(found.gl_pathv[i]);
      }
    }
    ::globfree(&found);
    add_files(pattern, std::move(files), "the pattern matches");
  }

  // frame_%06d.png: every file whose name has digits in that place, in the order of the numbers; gaps do not matter.
  void add_pattern(const std::string& pattern) {
    const fs::path path(pattern);
    const std::string text = path.filename().string();
    std::smatch place;
    if (!std::regex_search(text, place, std::regex("%0?[0-9]*d"))) {
      throw Error(ErrorCode::kInput, pattern, "the number has to stand in the file name, not in the folder", "check the pattern");
    }
    const std::string before = place.prefix(), after = place.suffix();
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.size() <= before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) continue;
      const auto middle = std::string_view(name).substr(before.size(), name.size() - before.size() - after.size());
      if (std::all_of(middle.begin(), middle.end(), is_digit)) files.push_back(entry.path());
    }
    add_files(pattern, std::move(files), "the pattern matches");
  }

  void add_list(const std::string& list, int depth) {
    if (depth >= 4) throw Error(ErrorCode::kInput, "@" + list, "lists name each other", "remove the circle");
    std::istringstream lines(read_file(list));
    const fs::path folder = fs::path(list).parent_path();
    std::size_t named = 0;
    for (std::string line; std::getline(lines, line);) {
      while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.pop_back();
      if (line.empty() || line[0] == '#') continue;
      ++named;
      if (line == "-" || is_address(line) || is_camera(line)) {
        add(line, depth + 1);
      } else if (line[0] == '@') {
        add("@" + (folder / line.substr(1)).string(), depth + 1);
      } else {
        add((folder / line).string(), depth + 1);
      }
    }
    if (named == 0) throw Error(ErrorCode::kInput, "@" + list, "the list is empty", "write one source a line");
  }

  const bool pictures_apart_;
  Expansion result_;
};

}  // namespace

bool is_picture_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;  // reading a pipe would take its bytes away
  static constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"};
  if (has_extension(path, kExtensions)) return true;
  char start[16] = "";
  std::ifstream file(path, std::ios::binary);
  file.read(start, sizeof start);
  const std::string_view head(start, static_cast<std::size_t>(file.gcount()));
  using namespace std::string_view_literals;
  return head.starts_with("\xff\xd8\xff"sv) || head.starts_with("\x89PNG\r\n\x1a\n"sv) || head.starts_with("II*\0"sv) ||
         head.starts_with("MM\0*"sv) || (head.size() == 16 && head.starts_with("BM"sv) && head.substr(6, 4) == "\0\0\0\0"sv) ||
         (head.size() == 16 && head.starts_with("RIFF"sv) && head.substr(8, 4) == "WEBP"sv);
}

Expansion expand_sources(const std::vector<std::string>& items, bool pictures_apart) {
  Expander expander(pictures_apart);
  for (const std::string& item : items) expander.add(item);
  return expander.finish();
}

}  // namespace vepe::video
