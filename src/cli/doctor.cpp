#include "cli/doctor.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/default_model.h"
#include "cli/options.h"
#include "core/error.h"
#include "model/model_file.h"
#include "ops/deform_attn.h"

namespace vepe::cli {
namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Processor time against wall time of a product: about the number of threads that really work.
void print_threads() {
  const torch::Tensor a = torch::rand({1024, 1024}), b = torch::rand({1024, 1024});
  torch::mm(a, b);
  const auto wall = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  for (int i = 0; i < 10; ++i) torch::mm(a, b);
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
  const double used = (cpu_seconds() - cpu) / wall_s;
  std::cout << fmt::format("threads      {} of {} cores; a product used {:.1f} (CPU over wall time), {:.0f} GF/s\n",
                           at::get_num_threads(), std::thread::hardware_concurrency(), used,
                           10 * 2.0 * 1024 * 1024 * 1024 / wall_s / 1e9);
}

// The attention kernel in fp32 against its plain form in double.
bool kernel_is_right() {
  torch::manual_seed(1);
  const ops::LevelShapes shapes = {{7, 9}, {4, 5}};
  const torch::Tensor value = torch::randn({2, 83, 4, 8}, torch::kDouble),
                      locations = torch::rand({2, 11, 4, 2, 3, 2}, torch::kDouble) * 1.4 - 0.2;
  const torch::Tensor weights = torch::rand({2, 11, 4, 2, 3}, torch::kDouble);
  const torch::Tensor plain = ops::deform_attn(value, shapes, locations, weights);
  const torch::Tensor fast =
      ops::deform_attn(value.to(torch::kFloat), shapes, locations.to(torch::kFloat), weights.to(torch::kFloat));
  return (plain - fast.to(torch::kDouble)).abs().max().item<double>() < 1e-4;
}

// bf16 against fp32 convolutions of the same numbers.
bool bfloat16_is_right() {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({1, 16, 20, 20}), w = torch::randn({8, 16, 3, 3}) / 12;
  const torch::Tensor exact = torch::conv2d(x, w),
                      rounded = torch::conv2d(x.to(torch::kBFloat16), w.to(torch::kBFloat16)).to(torch::kFloat);
  return (exact - rounded).abs().max().item<double>() < 0.1;
}

// The matrix products are the system's BLAS; OpenBLAS says which kernels it chose. A forced choice can cost a quarter of
// the speed without a sign anywhere else.
void print_blas() {
  using Name = char* (*)();
  const auto name = reinterpret_cast<Name>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (name == nullptr) {
    std::cout << "BLAS         not OpenBLAS: products may be slow. Remedy: apt-get install libopenblas0-openmp\n";
    return;
  }
  std::cout << "BLAS         OpenBLAS, kernels for " << name();
  if (const char* forced = std::getenv("OPENBLAS_CORETYPE"); forced != nullptr && *forced != '\0') {
    std::cout << ", because OPENBLAS_CORETYPE says so. Remedy: unset it to have those of this processor";
  }
  std::cout << "\n";
}

void run(const CommonOptions& common) {
  apply_common_options(common);
  torch::NoGradGuard no_grad;
  std::cout << "vepe         " << VEPE_VERSION << " (" << VEPE_BUILD << ", " << __VERSION__ << ")\n";
  std::cout << "LibTorch     " << TORCH_VERSION << "\n";
  std::string features;
  if (__builtin_cpu_supports("avx2")) features += " avx2";
  if (__builtin_cpu_supports("avx512f")) features += " avx512";
  if (__builtin_cpu_supports("avx512bf16")) features += " avx512_bf16";
  if (__builtin_cpu_supports("avx512vnni")) features += " avx512_vnni";
  std::cout << "processor   " << (features.empty() ? " no AVX2: everything works, slowly" : features) << "\n";
  std::istringstream lines(torch::show_config());
  for (std::string line; std::getline(lines, line);) {
    if (line.find("BLAS_INFO") == std::string::npos && line.find("oneDNN") == std::string::npos &&
        line.find("MKL-DNN") == std::string::npos)
      continue;
    std::cout << "library      " << line.substr(line.find_first_not_of(" -"), 110) << "\n";
  }
  print_blas();
  print_threads();

  bool good = true;
  const auto check = [&](const char* name, bool holds) {
    std::cout << fmt::format("self-test    {:<44} {}\n", name, holds ? "ok" : "FAILED");
    good = good && holds;
  };
  check("deformable attention, kernel against fp64", kernel_is_right());
  check("bf16 convolution against fp32", bfloat16_is_right());
  try {
    const std::filesystem::path path = default_model();
    model::load_model(path);
    check(("default model loads: " + path.filename().string()).c_str(), true);
  } catch (const Error& error) {
    std::cout << "model        " << error.what() << "\n";
  }
  if (!good) throw Error(ErrorCode::kCheckFailed, "doctor", "a self-test failed", "report it with this output");
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  auto common = std::make_shared<CommonOptions>();
  CLI::App* command = app.add_subcommand("doctor", "Check this machine: build, processor, libraries, threads, numerics");
  command->footer("Example: vepe doctor --threads 2");
  add_common_options(*command, *common);
  command->callback([common] { run(*common); });
}

}  // namespace vepe::cli
