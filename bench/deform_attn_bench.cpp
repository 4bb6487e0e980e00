// Deformable attention: this project's kernel against the form made of LibTorch's grid_sample.
//
//   deform_attn_bench [--threads N] [--repeats N] [--case NAME] [--ours]
//
// Both sides run in turn in the same process, so that a noisy machine disturbs them alike. Printed are medians of
// wall time and of process CPU time (which counts threads that wait), in milliseconds, and the ratio of the medians.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "ops/deform_attn.h"
#include "ops/position.h"

namespace {

using vepe::ops::LevelShapes;

struct Options {
  int threads = 2, repeats = 7;
  std::string only;
  bool ours_only = false;
};

struct Case {
  const char* name;
  LevelShapes shapes;
  std::int64_t queries;  // 0: one per token, around its own place (encoder)
  std::int64_t heads, points, channels;
  double spread;  // standard deviation of the offsets in cells; 0: anywhere on the level
};

struct Inputs {
  at::Tensor value, locations, weights, grad_output;
};

Inputs make_inputs(const Case& c) {
  torch::manual_seed(1);
  const std::int64_t tokens = vepe::ops::token_count(c.shapes), levels = static_cast<std::int64_t>(c.shapes.size());
  const std::int64_t queries = c.queries > 0 ? c.queries : tokens;
  Inputs inputs;
  inputs.value = torch::randn({1, tokens, c.heads, c.channels});
  if (c.spread > 0) {
    std::vector<float> sides;
    for (const auto& shape : c.shapes)
      sides.insert(sides.end(), {static_cast<float>(shape.width), static_cast<float>(shape.height)});
    const at::Tensor cells = torch::tensor(sides).view({1, 1, 1, levels, 1, 2});
    at::Tensor centres = vepe::ops::cell_centres(c.shapes, torch::ones({1, levels, 2}));
    if (c.queries > 0) centres = torch::rand({1, queries, 2});
    inputs.locations =
        centres.view({1, queries, 1, 1, 1, 2}) + torch::randn({1, queries, c.heads, levels, c.points, 2}) * c.spread / cells;
  } else {
    inputs.locations = torch::rand({1, queries, c.heads, levels, c.points, 2});
  }
  inputs.locations = inputs.locations.contiguous();
  inputs.weights = torch::randn({1, queries, c.heads, levels * c.points}).softmax(-1).view({1, queries, c.heads, levels, c.points});
  inputs.grad_output = torch::randn({1, queries, c.heads * c.channels});
  return inputs;
}

// Without a kernel: one grid_sample per level, weighted and summed before the next level, so that temporaries stay at
// one level's size (stacking all levels first, as public code does, took about twice the time here).
at::Tensor grid_sample_form(const at::Tensor& value, const LevelShapes& shapes, const at::Tensor& locations,
                            const at::Tensor& weights) {
  const std::int64_t B = value.size(0), M = value.size(2), D = value.size(3), N = locations.size(1), P = locations.size(4);
  const at::Tensor grids = locations * 2 - 1;
  at::Tensor sum;  // [B * M, D, N]
  std::int64_t start = 0;
  for (std::size_t l = 0; l < shapes.size(); ++l) {
    const auto [height, width] = shapes[l];
    const auto level = static_cast<std::int64_t>(l);
    const at::Tensor map = value.narrow(1, start, height * width).flatten(2).transpose(1, 2).reshape({B * M, D, height, width});
    const at::Tensor grid = grids.select(3, level).transpose(1, 2).flatten(0, 1);  // [B * M, N, P, 2]
    const at::Tensor attention = weights.select(3, level).transpose(1, 2).reshape({B * M, 1, N, P});
    const at::Tensor part = (at::grid_sampler(map, grid, 0, 0, false) * attention).sum(-1);
    sum = sum.defined() ? sum + part : part;
    start += height * width;
  }
  return sum.view({B, M * D, N}).transpose(1, 2).contiguous();
}

struct Time {
  double wall_ms, cpu_ms;
};

Time measure(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  run();
  return {std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(),
          1000.0 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC};
}

Time median(std::vector<Time> times) {
  const auto middle = [&](double Time::*field) {
    std::sort(times.begin(), times.end(), [&](const Time& a, const Time& b) { return a.*field < b.*field; });
    return times[times.size() / 2].*field;
  };
  const double wall = middle(&Time::wall_ms);
  return {wall, middle(&Time::cpu_ms)};
}

struct Side {
  const char* name;
  std::function<void()> run;
  std::vector<Time> times;
};

// Runs the sides in turn; the first is what the others are compared with.
void compare(const char* title, std::vector<Side> sides, int repeats) {
  for (Side& side : sides) side.run();
  for (int i = 0; i < repeats; ++i) {
    for (Side& side : sides) side.times.push_back(measure(side.run));
  }
  const Time base = median(sides.front().times);
  std::printf("%s\n", title);
  for (const Side& side : sides) {
    const Time time = median(side.times);
    std::printf("  %-22s wall %9.2f ms (x %5.1f)   CPU %9.2f ms (x %5.1f)\n", side.name, time.wall_ms, base.wall_ms / time.wall_ms,
                time.cpu_ms, base.cpu_ms / time.cpu_ms);
  }
  std::fflush(stdout);
}

void run_case(const Case& c, const Options& options) {
  const Inputs in = make_inputs(c);
  const at::Tensor value_bf16 = in.value.to(at::kBFloat16);
  at::Tensor sink;
  {
    const torch::NoGradGuard no_grad;
    std::vector<Side> sides;
    if (!options.ours_only)
      sides.push_back({"grid_sample", [&] { sink = grid_sample_form(in.value, c.shapes, in.locations, in.weights); }, {}});
    sides.push_back({"kernel fp32", [&] { sink = vepe::ops::deform_attn(in.value, c.shapes, in.locations, in.weights); }, {}});
    sides.push_back({"kernel bf16", [&] { sink = vepe::ops::deform_attn(value_bf16, c.shapes, in.locations, in.weights); }, {}});
    compare((std::string(c.name) + ", forward").c_str(), std::move(sides), options.repeats);
  }
  const auto leaf = [](const at::Tensor& tensor) { return tensor.detach().clone().requires_grad_(); };
  const at::Tensor value = leaf(in.value), locations = leaf(in.locations), weights = leaf(in.weights);
  const at::Tensor theirs = options.ours_only ? at::Tensor() : grid_sample_form(value, c.shapes, locations, weights);
  const at::Tensor ours = vepe::ops::deform_attn(value, c.shapes, locations, weights);
  const auto backward = [&](const at::Tensor& output) {
    sink = torch::autograd::grad({output}, {value, locations, weights}, {in.grad_output}, /*retain_graph=*/true)[0];
  };
  std::vector<Side> sides;
  if (!options.ours_only) sides.push_back({"grid_sample", [&] { backward(theirs); }, {}});
  sides.push_back({"kernel fp32", [&] { backward(ours); }, {}});
  compare((std::string(c.name) + ", backward").c_str(), std::move(sides), options.repeats);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool has_value = i + 1 < argc;
    if (name == "--ours") {
      options.ours_only = true;
    } else if (name == "--threads" && has_value) {
      options.threads = std::max(1, std::atoi(argv[++i]));
    } else if (name == "--repeats" && has_value) {
      options.repeats = std::max(1, std::atoi(argv[++i]));
    } else if (name == "--case" && has_value) {
      options.only = argv[++i];
    } else {
      std::fprintf(stderr, "usage: deform_attn_bench [--threads N] [--repeats N] [--case NAME] [--ours]\n");
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  at::set_num_threads(options.threads);
  const LevelShapes full = {{100, 167}, {50, 84}, {25, 42}, {13, 21}};  // 22,223 tokens: 800 x 1333 pixels
  const LevelShapes tiny = {{48, 64}, {24, 32}, {12, 16}, {6, 8}};      // 512 x 384 pixels
  const Case cases[] = {
      {"encoder-local", full, 0, 8, 4, 32, 2.0},        {"encoder-random", full, 0, 8, 4, 32, 0.0},
      {"pose-decoder", full, 300, 8, 17, 32, 2.0},      {"tiny-encoder", tiny, 0, 8, 4, 12, 2.0},
      {"tiny-pose-decoder", tiny, 100, 8, 17, 12, 2.0},
  };
  std::printf("%d threads, median of %d\n", options.threads, options.repeats);
  for (const Case& c : cases) {
    if (options.only.empty() || options.only == c.name) run_case(c, options);
  }
  return 0;
}
