#include "checkpoint/joint_cut.h"

#include <optional>

#include <ATen/Functions.h>

#include "core/error.h"
#include "formats/joints.h"

namespace vepe::checkpoint {
namespace {

// Where the joint axis stands once a tensor's first axis is split: [before, K, after, rest].
struct JointAxis {
  std::int64_t after = 1;  // values per joint: 2 for x and y
};

bool in_pose_attention(const std::string& name) {
  return name.starts_with("pose_decoder.layers.") && name.find(".cross_attn.") != name.npos;
}

// Rows of a first axis are ordered [..., joint, coordinate].
std::optional<JointAxis> joint_axis(const std::string& name) {
  if (in_pose_attention(name) && name.find(".sampling_offsets.") != name.npos) return JointAxis{2};
  if (in_pose_attention(name) && name.find(".attention_weights.") != name.npos) return JointAxis{1};
  const bool pose_head = name.starts_with("proposals.keypoint_head.6.") ||
                         (name.starts_with("pose_decoder.keypoint_heads.") && name.find(".6.") != name.npos);
  if (pose_head) return JointAxis{2};
  if (name == "joint_decoder.query_embedding" || name.starts_with("heatmap.out.")) return JointAxis{1};
  return std::nullopt;
}

}  // namespace

at::Tensor joint_weights(const std::string& from, const std::string& to) {
  const formats::JointSet *source = formats::find_joint_set(from), *target = formats::find_joint_set(to);
  if (!source || !target) throw Error(ErrorCode::kUsage, "--joints", "unknown joint set", "use 14, 15 or 17 keypoints");
  at::Tensor weights = at::zeros({target->size(), source->size()});
  auto row = weights.accessor<float, 2>();
  const std::vector<int> map = formats::joint_map(source->names, target->names);
  const int nose = source->index("nose"), left = source->index("left_shoulder"), right = source->index("right_shoulder");
  for (int joint = 0; joint < target->size(); ++joint) {
    if (map[joint] >= 0) {
      row[joint][map[joint]] = 1;
      continue;
    }
    const bool bottom = formats::same_joint(target->names[joint], "head_bottom"),
               top = formats::same_joint(target->names[joint], "head_top");
    if ((!bottom && !top) || nose < 0 || left < 0 || right < 0) {
      throw Error(ErrorCode::kUsage, "--joints", from + " has nothing to start " + target->names[joint] + " from",
                  "keep the checkpoint's joints");
    }
    const auto towards_nose = static_cast<float>(bottom ? formats::kNeckFraction : 1 + formats::kHeadTopFractionNoHips);
    row[joint][nose] = towards_nose;
    row[joint][left] = row[joint][right] = (1 - towards_nose) / 2;
  }
  return weights;
}

bool depends_on_joints(const std::string& name) { return joint_axis(name).has_value(); }

at::Tensor cut_joints(const std::string& name, const at::Tensor& tensor, const at::Tensor& weights) {
  const auto axis = joint_axis(name);
  if (!axis) return tensor;
  const std::int64_t to = weights.size(0), from = weights.size(1), rest = tensor.numel() / tensor.size(0);
  const at::Tensor split = tensor.reshape({-1, from, axis->after * rest});  // [heads x levels, K, values]
  std::vector<std::int64_t> shape = tensor.sizes().vec();
  shape[0] = shape[0] / from * to;
  return at::matmul(weights, split).reshape(shape);
}

}  // namespace vepe::checkpoint
