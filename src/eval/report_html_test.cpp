#include "eval/report_html.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <regex>

#include "core/atomic_file.h"
#include "eval/coco_eval.h"
#include "eval/frame_drawing.h"
#include "eval/golden_support.h"
#include "eval/html_page.h"
#include "eval/mot_eval.h"

namespace vepe::eval {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// A 4 x 3 PNG, and the first bytes of a JPEG of 640 x 480.
const std::string kPng = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x03\x08\x02\0\0\0"s;
const std::string kJpeg = "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\x01\x22\0"s;

PoseEvalResult pose_result() {
  PoseEvalOptions options;
  options.worst_frames = 10;
  return evaluate_posetrack(golden("poseval_synth/pt18/gt"), golden("poseval_synth/pt18/pred"), options);
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

// "" when no browser is installed.
std::string browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/"}) {
      if (fs::exists(std::string(folder) + name)) return std::string(folder) + name;
    }
  }
  return "";
}

std::string dump_dom(const std::string& program, const fs::path& page, const std::string& fragment) {
  const fs::path profile = fs::temp_directory_path() / ("vepe_browser_" + std::to_string(::getpid()));
  const std::string command = program +
                              " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=" + profile.string() +
                              " --dump-dom 'file://" + page.string() + fragment + "' 2>/dev/null";
  std::string text;
  if (FILE* pipe = ::popen(command.c_str(), "r")) {
    char buffer[4096];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
    ::pclose(pipe);
  }
  fs::remove_all(profile);
  return text;
}

TEST(ReportHtml, PosePageHoldsEverythingAndLinksNothing) {
  const PoseEvalResult result = pose_result();
  const std::string page = report_html(result);
  for (const char* word : {"AP", "MOTA", "HOTA", "Shou", "000303_mpiinew_test", "Worst frames", "Scores of predicted joints"}) {
    EXPECT_NE(page.find(word), std::string::npos) << word;
  }
  std::size_t frames = 0;
  for (const auto& s : result.sequences) {
    EXPECT_LE(s.worst.size(), 10u);
    EXPECT_FALSE(s.worst.empty());
    for (std::size_t i = 1; i < s.worst.size(); ++i) {
      EXPECT_GE(s.worst[i - 1].misses + s.worst[i - 1].false_positives, s.worst[i].misses + s.worst[i].false_positives);
    }
    frames += s.worst.size();
  }
  EXPECT_EQ(count(page, "<figure>"), frames);
  EXPECT_EQ(count(page, "http://") + count(page, "https://") + count(page, "src=") + count(page, "<link"), 0u);
}

TEST(ReportHtml, NamesAreEscaped) {
  PoseEvalResult result = pose_result();
  result.sequences[0].name = "<script>alert(1)</script>&\"";
  const std::string page = report_html(result);
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"), std::string::npos);
}

TEST(ReportHtml, PicturesAreFoundAndPutIntoThePage) {
  EXPECT_EQ(picture_size(kPng), (std::pair{4, 3}));
  EXPECT_EQ(picture_size(kJpeg), (std::pair{640, 480}));
  for (std::size_t n = 0; n < kJpeg.size(); ++n) {
    const auto size = picture_size(std::string_view(kJpeg).substr(0, n));
    if (size) {
      EXPECT_EQ(*size, (std::pair{640, 480}));
    }
  }
  EXPECT_FALSE(picture_size("GIF89a"));
  EXPECT_EQ(base64("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(base64("any carnal pleasu"), "YW55IGNhcm5hbCBwbGVhc3U=");
  EXPECT_EQ(base64("any carnal pleasur"), "YW55IGNhcm5hbCBwbGVhc3Vy");

  const fs::path folder = fs::temp_directory_path() / ("vepe_pictures_" + std::to_string(::getpid()));
  fs::create_directories(folder / "seq");
  write_file_atomically(folder / "seq" / "000003.jpg", kPng);
  WorstFrame frame;
  frame.file_name = "images/val/seq/000003.jpg";
  std::size_t budget = 100;
  EXPECT_NE(draw_frame(frame, folder, budget).find("data:image/png;base64,"), std::string::npos);
  EXPECT_EQ(budget, 100 - kPng.size());
  budget = kPng.size() - 1;
  EXPECT_EQ(draw_frame(frame, folder, budget).find("data:image"), std::string::npos);
  frame.file_name = "../../../../etc/passwd";
  budget = 1 << 20;
  EXPECT_EQ(draw_frame(frame, folder, budget).find("data:image"), std::string::npos);
  fs::remove_all(folder);
}

TEST(ReportHtml, CocoAndMotPages) {
  OksCurves curves;
  const CocoReport coco = evaluate_coco(golden("coco_kpt/gt.json"), golden("coco_kpt/results.json"), {}, &curves);
  const std::string coco_page = report_html(coco, curves);
  EXPECT_NE(coco_page.find("left_ankle"), std::string::npos);
  EXPECT_EQ(count(coco_page, "<polyline"), 4u);
  const std::string mot_page = report_html(evaluate_mot(golden("mot_boxes/gt"), golden("mot_boxes/pred")));
  EXPECT_NE(mot_page.find("SYN-02"), std::string::npos);
  EXPECT_EQ(count(mot_page, "<polyline"), 4u);
}

// The script runs in a real browser: it counts the tables, and the address sorts the first one.
TEST(ReportHtml, OpensAndSortsInABrowser) {
  const std::string program = browser();
  if (program.empty()) GTEST_SKIP() << "no chromium here; ./test installs it, so CI on a fresh Debian 12 runs this";
  const fs::path page = fs::temp_directory_path() / ("vepe_report_" + std::to_string(::getpid()) + ".html");
  const PoseEvalResult result = pose_result();
  write_file_atomically(page, report_html(result));
  const auto names_in_order = [](const std::string& dom) {
    std::vector<std::string> names;
    const std::string table = dom.substr(dom.find("<tbody>"), dom.find("</tbody>") - dom.find("<tbody>"));
    const std::regex row("<tr><td>([^<]*)</td>");
    for (std::sregex_iterator it(table.begin(), table.end(), row), end; it != end; ++it) names.push_back((*it)[1]);
    return names;
  };
  for (const std::string fragment : {"", "#sort=8", "#sort=-8"}) {
    const std::string dom = dump_dom(program, page, fragment);
    ASSERT_NE(dom.find("data-ready=\"3\""), std::string::npos) << dom.substr(0, 300);
    std::vector<std::pair<double, std::string>> order;
    for (const auto& s : result.sequences) order.emplace_back(s.metrics.ap->ap[kPoseJoints], s.name);
    if (!fragment.empty()) std::sort(order.begin(), order.end());
    if (fragment == "#sort=-8") std::reverse(order.begin(), order.end());
    std::vector<std::string> want;
    for (const auto& [value, name] : order) want.push_back(name);
    EXPECT_EQ(names_in_order(dom), want) << fragment;
  }
  fs::remove(page);
}

}  // namespace
}  // namespace vepe::eval
