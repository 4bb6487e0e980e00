#include "infer/engine.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/model_file.h"

namespace vepe::infer {
namespace {

bool native_bfloat16() { return __builtin_cpu_supports("avx512bf16"); }

// The resized frame in the corner of a black canvas, [1, 3, H, W] uint8 in channels-last memory.
torch::Tensor canvas_of(const video::Image& image, int height, int width) {
  torch::Tensor canvas = torch::zeros({1, height, width, 3}, torch::kByte);
  for (int y = 0; y < image.height; ++y) {
    std::copy_n(image.row(y), static_cast<std::size_t>(image.width) * 3,
                canvas.data_ptr<std::uint8_t>() + static_cast<std::ptrdiff_t>(y) * width * 3);
  }
  return canvas.permute({0, 3, 1, 2});
}

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

struct Engine::State {
  EngineOptions options;
  std::shared_ptr<model::SpatialModel> model;
  bool bf16 = false;
};

Precision parse_precision(const std::string& name) {
  if (name == "auto") return Precision::kAuto;
  if (name == "fp32") return Precision::kFp32;
  if (name == "bf16") return Precision::kBf16;
  throw Error(ErrorCode::kUsage, "--precision", "unknown precision " + name, "use auto, fp32 or bf16");
}

InputSize input_size(int width, int height, int short_side, int long_side) {
  const double shorter = std::min(width, height), longer = std::max(width, height);
  double scale = long_side / longer;
  if (short_side > 0) scale = std::min(scale, short_side / shorter);
  return {std::max(1, static_cast<int>(width * scale + 0.5)), std::max(1, static_cast<int>(height * scale + 0.5))};
}

Engine::Engine(const EngineOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->model = model::load_model(options.model).model;
  state_->bf16 = options.precision == Precision::kBf16 || (options.precision == Precision::kAuto && native_bfloat16());
  if (state_->bf16) state_->model->use_bfloat16();
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

const std::string& Engine::joint_set() const { return state_->model->config().keypoints; }
bool Engine::bfloat16() const { return state_->bf16; }

std::vector<Pose> Engine::predict(const video::Image& frame) {
  const video::Image* frames[] = {&frame};
  return std::move(predict(frames).front());
}

std::vector<std::vector<Pose>> Engine::predict(std::span<const video::Image* const> frames) {
  const c10::InferenceMode inference;
  const model::InputConfig& input = state_->model->config().input;
  const int short_side = state_->options.size > 0 ? 0 : input.short_side;
  const int long_side = state_->options.size > 0 ? state_->options.size : input.long_side;
  std::vector<InputSize> sizes;
  int height = 0, width = 0;
  for (const video::Image* frame : frames) {
    sizes.push_back(input_size(frame->width, frame->height, short_side, long_side));
    height = std::max(height, round_up(sizes.back().height, input.multiple));
    width = std::max(width, round_up(sizes.back().width, input.multiple));
  }
  std::vector<torch::Tensor> images;
  torch::Tensor real = torch::zeros({static_cast<std::int64_t>(frames.size()), 2});
  for (std::size_t i = 0; i < frames.size(); ++i) {
    images.push_back(canvas_of(video::resize_bilinear(*frames[i], sizes[i].width, sizes[i].height), height, width));
    real[static_cast<std::int64_t>(i)][0] = sizes[i].height;
    real[static_cast<std::int64_t>(i)][1] = sizes[i].width;
  }
  auto& network = *state_->model;
  const auto output = network.forward(network.normalise(images.size() == 1 ? images[0] : torch::cat(images)), real);
  const model::Detections detections = network.detect(output, state_->options.max_people);

  const torch::Tensor positions = detections.keypoints.contiguous(), keypoint_scores = detections.keypoint_scores.contiguous();
  const auto score = detections.scores.accessor<float, 2>();
  const auto xy = positions.accessor<float, 4>();
  const auto confidence = keypoint_scores.accessor<float, 3>();
  std::vector<std::vector<Pose>> results(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto b = static_cast<std::int64_t>(i);
    for (std::int64_t r = 0; r < score.size(1) && score[b][r] >= static_cast<float>(state_->options.threshold); ++r) {
      Pose pose;
      pose.score = score[b][r];
      for (std::int64_t k = 0; k < xy.size(2); ++k) {
        pose.keypoints.push_back({xy[b][r][k][0] * static_cast<float>(frames[i]->width) - 0.5f,
                                  xy[b][r][k][1] * static_cast<float>(frames[i]->height) - 0.5f, confidence[b][r][k]});
      }
      results[i].push_back(std::move(pose));
    }
  }
  return results;
}

}  // namespace vepe::infer
