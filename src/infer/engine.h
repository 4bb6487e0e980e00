#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "video/image.h"

namespace vepe::infer {

struct PoseKeypoint {
  float x = 0, y = 0;  // pixels of the upright frame, pixel centres at whole numbers (as the formats want them)
  float score = 0;     // 0..1
};

// One person in one frame.
struct Pose {
  std::vector<PoseKeypoint> keypoints;  // K, in the model's order
  float score = 0;                      // 0..1
  std::vector<float> embedding;         // [C] of length 1, whose cosine says who is who; empty without an instance stream
};

enum class Precision { kAuto, kFp32, kBf16 };
// "auto" (bf16 where the processor multiplies it natively, else fp32), "fp32", "bf16". Throws Error(kUsage).
Precision parse_precision(const std::string& name);

// Whether the temporal phase runs: if the model has one; always; never.
enum class TemporalUse { kAuto, kOn, kOff };
// "auto", "on", "off". Throws Error(kUsage).
TemporalUse parse_temporal_use(const std::string& name);

// The score from which a pose of a picture is shown: nine in ten poses of vepe-tiny above it are right (OKS 0.5) on the
// hold-out of its training set.
inline constexpr double kDefaultThreshold = 0.55;
// The score from which a pose of a video starts a track: near the best F1 on that hold-out (0.70), with more than eight in ten
// right. A false one does not last.
inline constexpr double kDefaultVideoThreshold = 0.4;
// Share of the threshold that a pose needs to continue a track: being where a known person must be is evidence of its own.
inline constexpr double kKeepShare = 0.5;

struct EngineOptions {
  std::filesystem::path model;
  int size = 0;  // long side of the network input, pixels; 0: as the model's config says
  Precision precision = Precision::kAuto;
  TemporalUse temporal = TemporalUse::kAuto;
  int max_people = 20;                   // a frame
  double threshold = kDefaultThreshold;  // poses below it are not returned
};

// What the spatial phase found in one frame, in the form that windows share. Cheap to copy.
class SpatialFrame {
 public:
  struct Content;
  SpatialFrame() = default;
  explicit SpatialFrame(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
  const Content& content() const { return *content_; }

 private:
  std::shared_ptr<const Content> content_;
};

// A loaded model, ready for frames. Two engines in one process do not see each other. Not for use from two threads at once.
class Engine {
 public:
  // Throws Error(kModel) for the file, Error(kUsage) for options, one of which may be a temporal phase that is not there.
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(Engine&&) noexcept;

  // The spatial phase's poses of each frame, best first. For video see infer/stream.h.
  std::vector<std::vector<Pose>> predict(std::span<const video::Image* const> frames);
  std::vector<Pose> predict(const video::Image& frame);

  // The steps that a stream is made of. The spatial phase of frames: those of one size run as one batch, so what is found in
  // a frame depends on its companions by no more than rounding.
  std::vector<SpatialFrame> spatial(std::span<const video::Image* const> frames);
  // Its poses, best first.
  std::vector<Pose> poses(const SpatialFrame& frame) const;
  // The temporal phase's poses of the key frame of a window of `window_length` frames, best first. People whose score is too
  // low for pose query selection (pqs_threshold) are answered as the spatial phase saw them; keypoint scores are always its.
  std::vector<Pose> temporal(std::span<const SpatialFrame> window);

  bool has_temporal() const;    // there is a temporal phase, and it is not switched off
  bool has_embeddings() const;  // poses carry embeddings
  int window_length() const;    // T; 1 without temporal phase
  int key_position() const;     // of the key frame in its window

  const std::string& joint_set() const;  // id in formats/joints.h
  bool bfloat16() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Size of the network input for a frame: short side to `short_side` and long side to at most `long_side`, or the long side
// alone when `short_side` is 0. At least 1 x 1.
struct InputSize {
  int width = 0, height = 0;
  auto operator<=>(const InputSize&) const = default;
};
InputSize input_size(int width, int height, int short_side, int long_side);

}  // namespace vepe::infer
