// Speed and memory of the annotation readers on files of the size that users have.
//
//   formats_bench [MEGABYTES] [FOLDER]     (default 500 MB, /tmp)
//
// Writes one synthetic file of each layout in the spacing of the official files (", " and ": "), reads it in a child
// process and prints MB/s and the child's peak memory relative to the file size.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "formats/convert.h"

namespace {

using vepe::formats::Format;

struct Source {
  explicit Source(const std::filesystem::path& path) : file(std::fopen(path.c_str(), "wb")) {}
  ~Source() { std::fclose(file); }
  void add(const char* text) { size += std::fprintf(file, "%s", text); }
  template <typename... Values>
  void add(const char* format, Values... values) {
    size += std::fprintf(file, format, values...);
  }
  std::FILE* file;
  long long size = 0;
};

std::uint32_t state = 12345;
int random_below(int limit) {
  state = state * 1664525u + 1013904223u;
  return static_cast<int>((state >> 8) % static_cast<std::uint32_t>(limit));
}

// Ground truth: about half of the joints are labelled. Results: all are, with float coordinates.
void add_keypoints(Source& out, bool all, bool integers) {
  for (int k = 0; k < 17; ++k) {
    out.add(k == 0 ? "" : ", ");
    if (!all && random_below(100) < 45) {
      out.add("0, 0, 0");
    } else if (integers) {
      out.add("%d, %d, %d", random_below(640), random_below(480), 1 + random_below(2));
    } else {
      out.add("%d.%03d, %d.%03d, 1", random_below(1920), random_below(1000), random_below(1080), random_below(1000));
    }
  }
}

void add_polygon(Source& out) {
  out.add("\"segmentation\": [[");
  const int corners = 20 + random_below(40);
  for (int i = 0; i < corners; ++i) {
    out.add("%s%d.%02d, %d.%02d", i == 0 ? "" : ", ", random_below(640), random_below(100), random_below(480), random_below(100));
  }
  out.add("]], ");
}

void write_layout(const std::filesystem::path& path, Format format, bool with_segments, long long bytes) {
  Source out(path);
  const bool results = format == Format::kCocoResults;
  const int images = static_cast<int>(bytes / 5000) + 1;
  if (results) {
    out.add("[");
  } else {
    out.add("{\"images\": [");
    for (int i = 0; i < images; ++i) {
      out.add("%s{\"id\": %d, \"width\": 640, \"height\": 480, \"file_name\": \"%012d.jpg\"}", i == 0 ? "" : ", ", i + 1, i + 1);
    }
    out.add("], \"annotations\": [");
  }
  for (int i = 0; out.size < bytes; ++i) {
    out.add("%s{", i == 0 ? "" : ", ");
    if (with_segments) add_polygon(out);
    out.add("\"keypoints\": [");
    add_keypoints(out, results, format == Format::kCoco);
    out.add("], \"image_id\": %d, \"category_id\": 1, ", 1 + i % images);
    if (results) {
      out.add("\"score\": 0.%06d}", random_below(1000000));
    } else {
      out.add("\"num_keypoints\": 9, \"iscrowd\": 0, \"bbox\": [%d.%02d, 20.5, 100.25, 200.75], \"area\": 9000.5, ",
              random_below(600), i % 100);
      if (format == Format::kPoseTrack18) out.add("\"track_id\": %d, \"bbox_head\": [10, 20, 30, 40], ", i % 50);
      out.add("\"id\": %d}", i + 1);
    }
  }
  out.add(results ? "]" : "], \"categories\": [{\"id\": 1, \"name\": \"person\", \"keypoints\": [");
  for (int k = 0; !results && k < 17; ++k) out.add("%s\"joint_%d\"", k == 0 ? "" : ", ", k);
  if (!results) out.add("]}]}");
}

// In a child, so that the peak is this reader's alone.
void measure(const char* label, const std::filesystem::path& path, Format format) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    rusage before{};
    ::getrusage(RUSAGE_SELF, &before);
    const auto start = std::chrono::steady_clock::now();
    std::size_t persons = 0;
    const auto data = vepe::formats::read_poses(path, format);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const auto& frame : data.poses.frames) persons += frame.persons.size();
    rusage after{};
    ::getrusage(RUSAGE_SELF, &after);
    const double megabytes = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
    const double cpu = static_cast<double>(after.ru_utime.tv_sec + after.ru_stime.tv_sec) +
                       static_cast<double>(after.ru_utime.tv_usec + after.ru_stime.tv_usec) * 1e-6;
    std::printf("%-28s %7.1f MB %8zu persons  %6.0f MB/s wall  %6.0f MB/s cpu  peak %.2fx of the file\n", label, megabytes, persons,
                megabytes / seconds, megabytes / cpu, static_cast<double>(after.ru_maxrss) * 1.024e-3 / megabytes);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
}

}  // namespace

int main(int argc, char** argv) {
  // As the main of vepe does.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const long long bytes = (argc > 1 ? std::atoll(argv[1]) : 500) * 1000000LL;
  const std::filesystem::path folder = argc > 2 ? argv[2] : "/tmp";
  struct Case {
    const char* label;
    Format format;
    bool segments;
  };
  try {
    for (const Case& c : {Case{"COCO with segments", Format::kCoco, true}, Case{"COCO without segments", Format::kCoco, false},
                          Case{"COCO results", Format::kCocoResults, false}, Case{"PoseTrack18", Format::kPoseTrack18, false}}) {
      const std::filesystem::path path = folder / ("formats_bench_" + std::to_string(::getpid()) + ".json");
      write_layout(path, c.format, c.segments, bytes);
      measure(c.label, path, c.format);
      std::filesystem::remove(path);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
