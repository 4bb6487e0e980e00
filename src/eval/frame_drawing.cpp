#include "eval/frame_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/atomic_file.h"
#include "eval/numeric.h"
#include "formats/joints.h"

namespace vepe::eval {
namespace {

namespace fs = std::filesystem;

// A picture may lie under the folder by its whole name or by its last two parts or the last one.
fs::path find_picture(const fs::path& folder, const std::string& name) {
  if (folder.empty() || name.empty()) return {};
  const fs::path path(name);
  for (const fs::path& tail : {path, path.parent_path().filename() / path.filename(), path.filename()}) {
    const fs::path candidate = folder / tail.relative_path();
    std::error_code none;
    if (fs::is_regular_file(candidate, none)) return candidate;
  }
  return {};
}

struct View {
  double x = 0, y = 0, width = 1280, height = 720;
};

View view_of(const WorstFrame& frame) {
  double x0 = kInfinity, y0 = kInfinity, x1 = -kInfinity, y1 = -kInfinity;
  for (const auto* people : {&frame.gt, &frame.predictions}) {
    for (const EvalPerson& person : *people) {
      for (int j = 0; j < kPoseJoints; ++j) {
        if (!person.present[j]) continue;
        x0 = std::min(x0, person.x[j]), x1 = std::max(x1, person.x[j]);
        y0 = std::min(y0, person.y[j]), y1 = std::max(y1, person.y[j]);
      }
    }
  }
  if (!(x0 <= x1)) return {};
  const double margin = 0.06 * std::max({x1 - x0, y1 - y0, 20.0});
  return {x0 - margin, y0 - margin, x1 - x0 + 2 * margin, y1 - y0 + 2 * margin};
}

std::string draw_person(const EvalPerson& person, const char* style, double stroke) {
  std::string svg =
      fmt::format("<g class=\"{}\" stroke-width=\"{:.1f}\" stroke-linecap=\"round\" opacity=\"0.85\">", style, stroke);
  for (const auto& [a, b] : formats::posetrack15().limbs) {
    if (!person.present[a] || !person.present[b]) continue;
    svg += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>", person.x[a], person.y[a], person.x[b],
                       person.y[b]);
  }
  for (int j = 0; j < kPoseJoints; ++j) {
    if (person.present[j])
      svg +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" stroke=\"none\"/>", person.x[j], person.y[j], 1.2 * stroke);
  }
  return svg + "</g>";
}

unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

}  // namespace

std::optional<std::pair<int, int>> picture_size(std::string_view b) {
  const auto big16 = [&](std::size_t i) { return static_cast<int>(byte_at(b, i) << 8 | byte_at(b, i + 1)); };
  if (b.size() >= 24 && b.substr(0, 8) == "\x89PNG\r\n\x1a\n") {
    if (byte_at(b, 16) || byte_at(b, 20)) return std::nullopt;  // beyond 16 million pixels a side
    return std::pair{static_cast<int>(byte_at(b, 17) << 16) + big16(18), static_cast<int>(byte_at(b, 21) << 16) + big16(22)};
  }
  if (b.size() < 4 || byte_at(b, 0) != 0xff || byte_at(b, 1) != 0xd8) return std::nullopt;
  for (std::size_t i = 2; i + 9 < b.size() && byte_at(b, i) == 0xff;) {
    const unsigned marker = byte_at(b, i + 1);
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
      return std::pair{big16(i + 7), big16(i + 5)};
    i += marker == 0xff ? 1 : 2 + static_cast<std::size_t>(std::max(2, big16(i + 2)));
  }
  return std::nullopt;
}

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = byte_at(bytes, i) << 16;
    if (i + 1 < bytes.size()) group |= byte_at(bytes, i + 1) << 8;
    if (i + 2 < bytes.size()) group |= byte_at(bytes, i + 2);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return out;
}

std::string draw_frame(const WorstFrame& frame, const fs::path& frames, std::size_t& budget) {
  View view = frame.width > 0 && frame.height > 0 ? View{0, 0, double(frame.width), double(frame.height)} : view_of(frame);
  std::string picture;
  const fs::path path = find_picture(frames, frame.file_name);
  std::error_code none;
  if (!path.empty() && fs::file_size(path, none) <= budget && !none) {
    const std::string bytes = read_file(path);
    if (const auto size = picture_size(bytes)) {
      budget -= std::min(budget, bytes.size());
      view = {0, 0, double(size->first), double(size->second)};
      picture = fmt::format("<image width=\"{}\" height=\"{}\" href=\"data:image/{};base64,{}\"/>", size->first, size->second,
                            bytes.starts_with("\x89PNG") ? "png" : "jpeg", base64(bytes));
    }
  }
  const double stroke = std::max(view.width, view.height) / 220;
  std::string svg = fmt::format("<svg viewBox=\"{:.1f} {:.1f} {:.1f} {:.1f}\">", view.x, view.y, view.width, view.height) + picture;
  for (const EvalPerson& person : frame.gt) svg += draw_person(person, "gt", stroke);
  for (const EvalPerson& person : frame.predictions) svg += draw_person(person, "dt", stroke);
  return svg + "</svg>";
}

}  // namespace vepe::eval
