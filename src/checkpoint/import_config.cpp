#include "checkpoint/import_config.h"

#include "checkpoint/name_map.h"
#include "core/error.h"

namespace vepe::checkpoint {
namespace {

constexpr std::int64_t kMaxSize = 1 << 16;
constexpr int kBackboneMaps = 3;

class Sizes {
 public:
  Sizes(const TensorMap& tensors, const std::string& file) : tensors_(tensors), file_(file) {}

  // Size of one axis of a tensor of `axes` dimensions.
  int of(const std::string& name, std::size_t axes, std::size_t axis) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail("has no tensor for " + name);
    const auto& shape = found->second.shape;
    if (shape.size() != axes || shape[axis] < 1 || shape[axis] > kMaxSize) fail(name + " has an unexpected shape");
    return static_cast<int>(shape[axis]);
  }

  int divide(int total, int by, const std::string& what) const {
    if (by <= 0 || total % by != 0) fail("the sizes of " + what + " do not go together");
    return total / by;
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorCode::kInput, file_, message, "give a PETR checkpoint of the public project's layout");
  }

 private:
  const TensorMap& tensors_;
  const std::string& file_;
};

std::string keypoints_of(int count, const Sizes& sizes) {
  switch (count) {
    case 17:
      return "coco17";
    case 15:
      return "posetrack15";
    case 14:
      return "crowdpose14";
    default:
      sizes.fail("has " + std::to_string(count) + " keypoints, for which no joint set is known");
  }
}

}  // namespace

model::ModelConfig infer_config(const BackboneGuess& backbone, const TensorMap& petr, const std::string& file) {
  model::ModelConfig config;
  config.backbone.type = backbone.type;
  config.backbone.base_channels = backbone.base_channels;
  config.name = "petr-" + backbone.type;
  if (backbone.type.starts_with("hrnet")) config.input.multiple = 32;
  if (petr.empty()) return config;

  const Sizes sizes(petr, file);
  const int levels = sizes.of("encoder.level_embed", 2, 0);
  config.channels = sizes.of("encoder.level_embed", 2, 1);
  config.neck.extra_levels = levels - kBackboneMaps;
  if (config.neck.extra_levels < 0) sizes.fail("has fewer than 3 feature levels");
  config.keypoint_count = sizes.divide(sizes.of("proposals.keypoint_head.6.weight", 2, 0), 2, "the keypoint head");
  config.keypoints = keypoints_of(config.keypoint_count, sizes);
  config.heads = sizes.divide(sizes.of("pose_decoder.layers.0.cross_attn.attention_weights.weight", 2, 0),
                              levels * config.keypoint_count, "the pose attention");
  config.encoder.layers = count_children(petr, "encoder.layers.");
  if (config.encoder.layers > 0) {
    config.encoder.points = sizes.divide(sizes.of("encoder.layers.0.self_attn.attention_weights.weight", 2, 0),
                                         levels * config.heads, "the encoder's attention");
  }
  config.feed_forward = sizes.of("pose_decoder.layers.0.ffn.linear1.weight", 2, 0);
  config.proposals.queries = sizes.of("pose_decoder.query_embedding", 2, 0);
  config.pose_decoder.layers = count_children(petr, "pose_decoder.layers.");
  config.pose_decoder.head_hidden = sizes.of("proposals.keypoint_head.0.weight", 2, 0);
  config.joint_decoder.layers = count_children(petr, "joint_decoder.layers.");
  if (config.joint_decoder.layers > 0) {
    config.joint_decoder.points = sizes.divide(sizes.of("joint_decoder.layers.0.cross_attn.attention_weights.weight", 2, 0),
                                               levels * config.heads, "the joint decoder's attention");
  }
  config.heatmap.enabled = petr.count("heatmap.out.weight") != 0;
  return config;
}

}  // namespace vepe::checkpoint
