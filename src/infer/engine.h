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
};

enum class Precision { kAuto, kFp32, kBf16 };
// "auto" (bf16 where the processor multiplies it natively, else fp32), "fp32", "bf16". Throws Error(kUsage).
Precision parse_precision(const std::string& name);

// The score from which a pose is shown: the best F1 (OKS 0.5) of vepe-tiny on the hold-out of its training set.
inline constexpr double kDefaultThreshold = 0.4;

struct EngineOptions {
  std::filesystem::path model;
  int size = 0;              // long side of the network input, pixels; 0: as the model's config says
  Precision precision = Precision::kAuto;
  int max_people = 20;       // a frame
  double threshold = kDefaultThreshold;  // poses below it are not returned
};

// A loaded model, ready for frames. Two engines in one process do not see each other. Not for use from two threads at once.
class Engine {
 public:
  // Throws Error(kModel) for the file, Error(kUsage) for options.
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(Engine&&) noexcept;

  // Poses of each frame, best first. Frames of one size run as one batch.
  std::vector<std::vector<Pose>> predict(std::span<const video::Image* const> frames);
  std::vector<Pose> predict(const video::Image& frame);

  const std::string& joint_set() const;   // id in formats/joints.h
  bool bfloat16() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Size of the network input for a frame: short side to `short_side` and long side to at most `long_side`, or the long side
// alone when `short_side` is 0. At least 1 x 1.
struct InputSize {
  int width = 0, height = 0;
};
InputSize input_size(int width, int height, int short_side, int long_side);

}  // namespace vepe::infer
