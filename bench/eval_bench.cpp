// Time of `vepe eval posetrack` on data of the size of PoseTrack18's validation set: 74 sequences x 100 frames x 8
// persons, made up and written to a folder, then evaluated from the files (AP, MOTA, HOTA). Also the bootstrap of COCO AP.
//
//   eval_bench [FOLDER [THREADS]]       FOLDER keeps the files for other programs; a temporary one is removed

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <functional>
#include <string>
#include <unistd.h>
#include <vector>

#include "eval/coco_oks.h"
#include "eval/parallel.h"
#include "eval/posetrack_eval.h"
#include "eval/synthetic_poses.h"
#include "formats/prediction_writer.h"

namespace {

namespace fs = std::filesystem;
using namespace vepe;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write(const formats::Sequence& sequence, const fs::path& folder) {
  formats::WriterOptions options;
  options.sequence_name = sequence.name;
  options.joint_names = sequence.joint_names;
  options.coordinate_decimals = 3;
  options.score_decimals = 6;
  auto writer = formats::open_writer(formats::Format::kPoseTrack18, folder / (sequence.name + ".json"), options);
  for (const auto& frame : sequence.frames) writer->write(frame);
  writer->close();
}

void make_data(const fs::path& folder) {
  fs::create_directories(folder / "gt");
  fs::create_directories(folder / "pred");
  eval::parallel_for(74, 0, [&](std::size_t i) {
    eval::SyntheticOptions options;
    options.frames = 100;
    options.persons = 8;
    const auto [gt, predictions] = eval::synthetic_sequence(i, options);
    write(gt, folder / "gt");
    write(predictions, folder / "pred");
  });
}

double best_of(int repeats, const std::function<void()>& run) {
  double best = 1e9;
  for (int r = 0; r < repeats; ++r) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, seconds_since(start));
  }
  return best;
}

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) bytes += entry.is_regular_file() ? entry.file_size() : 0;
  return bytes;
}

void bench_posetrack(const fs::path& folder, int threads) {
  std::printf("74 sequences x 100 frames x 8 persons, %.1f MB of JSON\n", static_cast<double>(bytes_in(folder)) / 1e6);
  struct Case {
    const char* name;
    bool ap, mota, hota;
  };
  for (const Case& c : {Case{"AP", true, false, false},
                        {"MOTA", false, true, false},
                        {"HOTA", false, false, true},
                        {"AP + MOTA + HOTA", true, true, true}}) {
    eval::PoseEvalOptions options;
    options.ap = c.ap;
    options.mota = c.mota;
    options.hota = c.hota;
    options.threads = threads;
    const double seconds = best_of(3, [&] { eval::evaluate_posetrack(folder / "gt", folder / "pred", options); });
    std::printf("  %-18s %6.3f s from files (best of 3)\n", c.name, seconds);
  }
}

// 5,000 images of 2 persons, as many as COCO's validation set.
void bench_coco(int threads) {
  Random random(1);
  std::vector<eval::OksImage> images(5000);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].id = static_cast<std::int64_t>(i);
    for (int p = 0; p < 2; ++p) {
      eval::OksGroundTruth gt{.area = random.uniform(2000, 40000), .num_keypoints = 17};
      eval::OksDetection dt{.score = random.uniform()};
      const double x = random.uniform(0, 400), y = random.uniform(0, 300), noise = random.uniform(0, 25);
      for (int k = 0; k < 17; ++k) {
        gt.keypoints.insert(gt.keypoints.end(), {x + 6.0 * (k % 5), y + 9.0 * k, 2});
        dt.keypoints.insert(dt.keypoints.end(),
                            {x + 6.0 * (k % 5) + noise * random.normal(), y + 9.0 * k + noise * random.normal(), 1});
      }
      images[i].gt.push_back(gt);
      images[i].dt.push_back(dt);
    }
  }
  eval::OksOptions options;
  options.threads = threads;
  eval::OksResult result;
  const double once = best_of(3, [&] { result = eval::evaluate_oks(images, options); });
  const double bootstrap = best_of(1, [&] { eval::bootstrap_oks(result, 1000, 0, 0.95, threads); });
  std::printf(
      "COCO OKS, 5,000 images, 10,000 persons and detections\n  AP and AR           %6.3f s in memory (best of 3)\n"
      "  1,000 resamples     %6.3f s\n",
      once, bootstrap);
}

}  // namespace

int main(int argc, char** argv) {
  const bool keep = argc > 1;
  const fs::path folder = keep ? fs::path(argv[1]) : fs::temp_directory_path() / ("vepe_eval_bench_" + std::to_string(::getpid()));
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  make_data(folder);
  bench_posetrack(folder, threads);
  bench_coco(threads);
  if (!keep) fs::remove_all(folder);
  return 0;
}
