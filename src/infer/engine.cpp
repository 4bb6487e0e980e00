#include "infer/engine.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>

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

struct SpatialFrame::Content {
  int width = 0, height = 0;          // of the frame in pixels
  torch::Tensor query_index, scores;  // [R] of the best people, int64 and falling
  torch::Tensor keypoints;            // [R, K, 2] in 0..1
  torch::Tensor keypoint_scores;      // [R, K]
  model::FrameFeatures features;      // with a temporal phase only
};

namespace {

// Rows of R people, in any order.
struct People {
  torch::Tensor scores, keypoints, keypoint_scores;  // [R], [R, K, 2] in 0..1, [R, K]
  torch::Tensor embeddings;                          // [R, C] or undefined
};

torch::Tensor embeddings_of(const model::FrameFeatures& features, const torch::Tensor& query_index) {
  return features.embedding.defined() ? features.embedding.index_select(0, query_index) : torch::Tensor();
}

}  // namespace

struct Engine::State {
  EngineOptions options;
  std::shared_ptr<model::SpatialModel> model;
  std::shared_ptr<model::Vepe> temporal;  // null: the spatial phase alone
  bool bf16 = false;

  std::vector<SpatialFrame> batch(std::span<const video::Image* const> frames, InputSize size);
  std::vector<Pose> to_poses(const SpatialFrame::Content& frame, const People& people) const;
};

Precision parse_precision(const std::string& name) {
  if (name == "auto") return Precision::kAuto;
  if (name == "fp32") return Precision::kFp32;
  if (name == "bf16") return Precision::kBf16;
  throw Error(ErrorCode::kUsage, "--precision", "unknown precision " + name, "use auto, fp32 or bf16");
}

TemporalUse parse_temporal_use(const std::string& name) {
  if (name == "auto") return TemporalUse::kAuto;
  if (name == "on") return TemporalUse::kOn;
  if (name == "off") return TemporalUse::kOff;
  throw Error(ErrorCode::kUsage, "--temporal", "unknown choice " + name, "use auto, on or off");
}

InputSize input_size(int width, int height, int short_side, int long_side) {
  const double shorter = std::min(width, height), longer = std::max(width, height);
  double scale = long_side / longer;
  if (short_side > 0) scale = std::min(scale, short_side / shorter);
  return {std::max(1, static_cast<int>(width * scale + 0.5)), std::max(1, static_cast<int>(height * scale + 0.5))};
}

Engine::Engine(const EngineOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  model::LoadedModel loaded = model::load_model(options.model);
  state_->model = loaded.model;
  if (options.temporal != TemporalUse::kOff) state_->temporal = loaded.temporal;
  if (options.temporal == TemporalUse::kOn && !loaded.temporal) {
    throw Error(ErrorCode::kUsage, options.model.string(), "the model has no temporal phase",
                "use --temporal auto or off, or a model whose config says [temporal] enabled = true");
  }
  state_->bf16 = options.precision == Precision::kBf16 || (options.precision == Precision::kAuto && native_bfloat16());
  if (!state_->bf16) return;
  state_->model->use_bfloat16();
  if (state_->temporal) state_->temporal->use_bfloat16();
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

bool Engine::has_temporal() const { return state_->temporal != nullptr; }
bool Engine::has_embeddings() const { return has_temporal() && state_->temporal->config().icm; }
int Engine::window_length() const { return has_temporal() ? state_->temporal->config().frames : 1; }
int Engine::key_position() const { return has_temporal() ? state_->temporal->config().key_position() : 0; }
const std::string& Engine::joint_set() const { return state_->model->config().keypoints; }
bool Engine::bfloat16() const { return state_->bf16; }

std::vector<Pose> Engine::predict(const video::Image& frame) {
  const video::Image* frames[] = {&frame};
  return std::move(predict(frames).front());
}

std::vector<std::vector<Pose>> Engine::predict(std::span<const video::Image* const> frames) {
  std::vector<std::vector<Pose>> results;
  for (const SpatialFrame& frame : spatial(frames)) results.push_back(poses(frame));
  return results;
}

std::vector<SpatialFrame> Engine::spatial(std::span<const video::Image* const> frames) {
  const model::InputConfig& input = state_->model->config().input;
  const int short_side = state_->options.size > 0 ? 0 : input.short_side;
  const int long_side = state_->options.size > 0 ? state_->options.size : input.long_side;
  std::map<InputSize, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < frames.size(); ++i)
    groups[input_size(frames[i]->width, frames[i]->height, short_side, long_side)].push_back(i);
  std::vector<SpatialFrame> results(frames.size());
  for (const auto& [size, members] : groups) {
    std::vector<const video::Image*> images;
    for (const std::size_t i : members) images.push_back(frames[i]);
    std::vector<SpatialFrame> found = state_->batch(images, size);
    for (std::size_t j = 0; j < members.size(); ++j) results[members[j]] = std::move(found[j]);
  }
  return results;
}

std::vector<SpatialFrame> Engine::State::batch(std::span<const video::Image* const> frames, InputSize size) {
  const c10::InferenceMode inference;
  const int multiple = model->config().input.multiple, height = round_up(size.height, multiple),
            width = round_up(size.width, multiple);
  const auto B = static_cast<std::int64_t>(frames.size());
  std::vector<torch::Tensor> images;
  for (const video::Image* frame : frames)
    images.push_back(canvas_of(video::resize_bilinear(*frame, size.width, size.height), height, width));
  const torch::Tensor real = torch::tensor({static_cast<float>(size.height), static_cast<float>(size.width)}).expand({B, 2});
  const auto output = model->forward(model->normalise(B == 1 ? images[0] : torch::cat(images)), real.contiguous());
  const model::Detections detections = model->detect(output, options.max_people);
  std::vector<model::FrameFeatures> features(frames.size());
  if (temporal) features = temporal->features(output, detections.query_index, detections.keypoints, detections.keypoint_scores);

  std::vector<SpatialFrame> results;
  for (std::int64_t b = 0; b < B; ++b) {
    auto content = std::make_shared<SpatialFrame::Content>();
    const auto i = static_cast<std::size_t>(b);
    content->width = frames[i]->width;
    content->height = frames[i]->height;
    content->query_index = detections.query_index[b];
    content->scores = detections.scores[b];
    content->keypoints = detections.keypoints[b];
    content->keypoint_scores = detections.keypoint_scores[b];
    content->features = std::move(features[i]);
    results.emplace_back(std::move(content));
  }
  return results;
}

std::vector<Pose> Engine::poses(const SpatialFrame& frame) const {
  const c10::InferenceMode inference;
  const SpatialFrame::Content& content = frame.content();
  return state_->to_poses(
      content, {content.scores, content.keypoints, content.keypoint_scores, embeddings_of(content.features, content.query_index)});
}

std::vector<Pose> Engine::temporal(std::span<const SpatialFrame> window) {
  if (!has_temporal()) throw Error(ErrorCode::kUsage, "temporal phase", "the engine runs without one", "load a model that has it");
  const c10::InferenceMode inference;
  std::vector<model::FrameFeatures> features;
  for (const SpatialFrame& frame : window) features.push_back(frame.content().features);
  const model::TemporalOutput output = state_->temporal->temporal(features);
  const model::TemporalLayer& answer = output.layers.back();

  const SpatialFrame::Content& key = window[static_cast<std::size_t>(key_position())].content();
  People people{key.scores.clone(), key.keypoints.clone(), key.keypoint_scores.clone(),
                embeddings_of(key.features, key.query_index)};
  const auto query = key.query_index.accessor<std::int64_t, 1>(), kept = output.query_index.accessor<std::int64_t, 1>();
  std::vector<std::int64_t> propagated;
  for (std::int64_t i = 0; i < kept.size(0); ++i) {
    if (kept[i] < 0) propagated.push_back(i);
    for (std::int64_t r = 0; r < query.size(0); ++r) {
      if (kept[i] != query[r]) continue;
      people.scores[r] = answer.score_logit[i].sigmoid();
      people.keypoints[r] = answer.keypoints[i];
      if (output.keypoint_scores.defined()) people.keypoint_scores[r] = output.keypoint_scores[i];
    }
  }
  if (!propagated.empty()) {
    const torch::Tensor rows = torch::tensor(propagated, torch::kLong);
    const auto add = [&rows](torch::Tensor& to, const torch::Tensor& from) { to = torch::cat({to, from.index_select(0, rows)}); };
    add(people.scores, answer.score_logit.sigmoid());
    add(people.keypoints, answer.keypoints);
    add(people.keypoint_scores, output.keypoint_scores);
    if (people.embeddings.defined()) add(people.embeddings, output.embedding);
  }
  return state_->to_poses(key, people);
}

std::vector<Pose> Engine::State::to_poses(const SpatialFrame::Content& frame, const People& people) const {
  const torch::Tensor positions = people.keypoints.contiguous(), keypoint_scores = people.keypoint_scores.contiguous(),
                      scores = people.scores.contiguous(),
                      embeddings = people.embeddings.defined() ? people.embeddings.contiguous() : torch::Tensor();
  const auto score = scores.accessor<float, 1>();
  const auto xy = positions.accessor<float, 3>();
  const auto confidence = keypoint_scores.accessor<float, 2>();
  std::vector<Pose> poses;
  for (std::int64_t r = 0; r < score.size(0); ++r) {
    if (!(score[r] >= static_cast<float>(options.threshold))) continue;
    Pose pose;
    pose.score = score[r];
    for (std::int64_t k = 0; k < xy.size(1); ++k) {
      pose.keypoints.push_back({xy[r][k][0] * static_cast<float>(frame.width) - 0.5f,
                                xy[r][k][1] * static_cast<float>(frame.height) - 0.5f, confidence[r][k]});
    }
    if (embeddings.defined()) {
      const float* row = embeddings.data_ptr<float>() + r * embeddings.size(1);
      pose.embedding.assign(row, row + embeddings.size(1));
    }
    poses.push_back(std::move(pose));
  }
  std::stable_sort(poses.begin(), poses.end(), [](const Pose& a, const Pose& b) { return a.score > b.score; });
  return poses;
}

}  // namespace vepe::infer
