// What the temporal phase costs in a stream, and whether streaming changes an answer.
//
//   stream_bench MODEL VIDEO [FRAMES]     (default 100; one tensor thread unless said otherwise)
//
// A model without temporal phase gets one of random weights, which costs the same. Prints
//  * the largest difference between a stream and the recomputation of every window, alone and in a batch of four streams;
//  * CPU time a frame of the spatial phase alone, of the stream, and of recomputing each window, measured in turn frame by frame;
//  * the same for frames with one and with twenty people.
#include <malloc.h>
#include <time.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "infer/stream.h"
#include "model/model_file.h"

namespace {

using namespace vepe;
namespace fs = std::filesystem;

fs::path with_temporal_phase(const fs::path& path) {
  const torch::NoGradGuard no_grad;
  const model::LoadedModel loaded = model::load_model(path);
  if (loaded.temporal) return path;
  model::ModelConfig config = loaded.model->config();
  config.temporal.enabled = true;
  config.temporal.stdme_first_level = 2;
  torch::manual_seed(1);
  model::SpatialModel spatial(config);
  model::load_state(model::state_of(spatial), model::state_of(*loaded.model), path.string());
  model::Vepe temporal(config, config.temporal);
  for (auto& parameter : temporal.parameters()) parameter.add_(torch::randn_like(parameter) * 0.02);
  const fs::path made = fs::temp_directory_path() / ("stream_bench_" + std::to_string(::getpid()) + ".safetensors");
  model::save_model(made, spatial, &temporal, {}, false);
  return made;
}

infer::Engine engine_of(const fs::path& model, infer::TemporalUse temporal, infer::Precision precision) {
  infer::EngineOptions options;
  options.model = model;
  options.temporal = temporal;
  options.precision = precision;
  options.threshold = 0.2;
  options.max_people = 40;
  return infer::Engine(options);
}

std::vector<video::Frame> frames_of(const std::string& source, std::size_t count) {
  video::VideoReader reader(source);
  std::vector<video::Frame> frames;
  for (video::Frame frame; frames.size() < count && reader.read(frame); frame = {}) frames.push_back(frame);
  return frames;
}

std::vector<infer::Pose> recomputed(infer::Engine& engine, const std::vector<video::Frame>& frames, std::int64_t t) {
  std::vector<infer::SpatialFrame> window;
  for (std::int64_t i = 0; i < engine.window_length(); ++i) {
    const std::int64_t f = std::clamp<std::int64_t>(t - engine.key_position() + i, 0, static_cast<std::int64_t>(frames.size()) - 1);
    const video::Image* images[] = {&frames[static_cast<std::size_t>(f)].image};
    window.push_back(engine.spatial(images).front());
  }
  return engine.temporal(window);
}

// As a share of the frame; infinite for other people.
double difference(const std::vector<infer::Pose>& a, const std::vector<infer::Pose>& b, const video::Image& image) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::abs(a[i].score - b[i].score));
    for (std::size_t k = 0; k < a[i].keypoints.size(); ++k) {
      largest = std::max<double>({largest, std::abs(a[i].keypoints[k].x - b[i].keypoints[k].x) / image.width,
                                  std::abs(a[i].keypoints[k].y - b[i].keypoints[k].y) / image.height});
    }
  }
  return largest;
}

void check(const fs::path& model, const std::vector<video::Frame>& frames) {
  infer::Engine engine = engine_of(model, infer::TemporalUse::kOn, infer::Precision::kFp32);
  std::vector<std::vector<infer::Pose>> want;
  std::size_t people = 0;
  for (std::size_t t = 0; t < frames.size(); ++t) {
    want.push_back(recomputed(engine, frames, static_cast<std::int64_t>(t)));
    people += want.back().size();
  }
  const auto compare = [&](std::size_t streams, int threads) {
    torch::set_num_threads(threads);
    std::vector<infer::Stream> all(streams, infer::Stream(engine));
    std::vector<infer::Stream*> pointers;
    for (infer::Stream& stream : all) pointers.push_back(&stream);
    double largest = 0;
    std::size_t done = 0;
    const auto look = [&](const infer::Estimate& estimate) {
      const auto t = static_cast<std::size_t>(estimate.frame.index - frames[0].index);
      largest = std::max(largest, difference(estimate.poses, want[t], frames[t].image));
      ++done;
    };
    for (const video::Frame& frame : frames) {
      for (const auto& ready : infer::Stream::push(pointers, std::vector<video::Frame>(streams, frame))) {
        for (const auto& estimate : ready) look(estimate);
      }
    }
    for (infer::Stream& stream : all) {
      for (const auto& estimate : stream.flush()) look(estimate);
    }
    torch::set_num_threads(1);
    std::printf("%zu stream(s), %d thread(s): %zu frames, largest difference %.3g\n", streams, threads, done, largest);
  };
  std::printf("fp32, %zu frames, %zu poses\n", frames.size(), people);
  compare(1, 1);
  compare(4, 1);
  compare(1, 2);
}

double cpu_ms() {
  timespec now;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double timed(const std::function<void()>& work) {
  const double start = cpu_ms();
  work();
  return cpu_ms() - start;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Returns the stream's median.
double measure(const char* name, const fs::path& model, infer::Precision precision, const std::vector<video::Frame>& frames,
               bool recompute) {
  infer::Engine spatial = engine_of(model, infer::TemporalUse::kOff, precision),
                temporal = engine_of(model, infer::TemporalUse::kOn, precision);
  infer::Stream stream(temporal);
  std::vector<double> alone, streamed, anew, ratio, ratio_anew;
  std::size_t people = 0;
  for (std::size_t t = 0; t < frames.size(); ++t) {
    video::Frame frame = frames[t];
    const double a = timed([&] { spatial.predict(frames[t].image); });
    const double b = timed([&] {
      for (const auto& estimate : stream.push(std::move(frame))) people += estimate.poses.size();
    });
    const double c = recompute ? timed([&] { recomputed(temporal, frames, static_cast<std::int64_t>(t)); }) : 0;
    if (t < 5) continue;  // warming up
    alone.push_back(a), streamed.push_back(b), anew.push_back(c), ratio.push_back(b / a), ratio_anew.push_back(c / a);
  }
  std::printf("%-16s %4.1f poses  spatial %6.1f ms  stream %6.1f ms  ratio %.3f", name,
              static_cast<double>(people) / static_cast<double>(frames.size()), median(alone), median(streamed), median(ratio));
  if (recompute) std::printf("  recomputing %6.1f ms  ratio %.3f", median(anew), median(ratio_anew));
  std::printf("\n");
  return median(streamed);
}

// The best person of the video, pasted `count` times on grey.
video::Frame crowd(const fs::path& model, const std::vector<video::Frame>& frames, int count) {
  infer::Engine engine = engine_of(model, infer::TemporalUse::kOff, infer::Precision::kFp32);
  const video::Frame* from = nullptr;
  infer::Pose best;
  for (std::size_t t = 0; t < frames.size(); t += 10) {
    for (const infer::Pose& pose : engine.predict(frames[t].image)) {
      if (pose.score > best.score) best = pose, from = &frames[t];
    }
  }
  float x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  for (const auto& p : best.keypoints)
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x), y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  const int width = from->image.width, height = from->image.height, cell_width = width / 5, cell_height = height / 4;
  const int cx = static_cast<int>(x0 + x1) / 2, cy = static_cast<int>(y0 + y1) / 2;
  const int half_width = std::min(cell_width / 2, static_cast<int>(x1 - x0)),
            half_height = std::min(cell_height / 2, static_cast<int>(0.65f * (y1 - y0)));
  video::Frame frame;
  frame.image = {width, height, std::vector<std::uint8_t>(from->image.pixels.size(), 128)};
  for (int i = 0; i < count; ++i) {
    const int left = i % 5 * cell_width + cell_width / 2, top = i / 5 * cell_height + cell_height / 2;
    for (int dy = -half_height; dy < half_height; ++dy) {
      for (int dx = -half_width; dx < half_width; ++dx) {
        const int x = std::clamp(cx + dx, 0, width - 1), y = std::clamp(cy + dy, 0, height - 1);
        std::copy_n(from->image.row(y) + 3 * x, 3, frame.image.row(top + dy) + 3 * (left + dx));
      }
    }
  }
  return frame;
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stream_bench MODEL VIDEO [FRAMES]\n");
    return 2;
  }
  torch::set_num_threads(1);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const fs::path model = with_temporal_phase(argv[1]);
  const std::vector<video::Frame> frames = frames_of(argv[2], argc > 3 ? static_cast<std::size_t>(std::atoi(argv[3])) : 100);
  check(model, frames);
  for (const auto precision : {infer::Precision::kFp32, infer::Precision::kAuto}) {
    std::printf("\n%s\n", precision == infer::Precision::kFp32 ? "fp32" : "auto");
    measure("video", model, precision, frames, true);
    const double one = measure("one person", model, precision, std::vector<video::Frame>(40, crowd(model, frames, 1)), false);
    const double twenty =
        measure("twenty people", model, precision, std::vector<video::Frame>(40, crowd(model, frames, 20)), false);
    std::printf("twenty against one: %.3f\n", twenty / one);
  }
  if (model != fs::path(argv[1])) fs::remove(model);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);  // as the program does
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "stream_bench: %s\n", error.what());
    return error.exit_status();
  }
}
