#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "model/temporal_config.h"

namespace vepe::model {

// One model, as its TOML file describes it. Every field is a key of the same name in the section that the comment
// names; unknown and ill-typed keys are refused. The text of the file travels inside the model file.

struct InputConfig {                                     // [input]
  std::vector<double> mean = {123.675, 116.28, 103.53};  // RGB, 0..255
  std::vector<double> std = {58.395, 57.12, 57.375};
  int short_side = 800;  // frames are scaled to this short side ...
  int long_side = 1333;  // ... and at most this long side; short_side = 0 scales by the long side alone
  int multiple = 1;      // width and height are padded (black, right and bottom) to a multiple of it
};

struct BackboneConfig {           // [backbone]
  std::string type = "resnet50";  // resnet18/34/50/101, hrnet_w32/w48, swin_l, movenet
  int base_channels = 64;         // ResNet: width of the stem and of the first stage
  int frozen_stages = 1;          // ResNet: stem and this many stages are not trained
};

struct NeckConfig {                 // [neck]
  std::vector<std::string> inputs;  // movenet: names of the maps to read; others read strides 8, 16, 32
  int extra_levels = 1;             // stride-2 convolutions on top of the last map
  int groups = 32;                  // of GroupNorm
};

struct EncoderConfig {  // [encoder]
  int layers = 6;
  int points = 4;
};

struct ProposalConfig {          // [proposals]
  std::string type = "encoder";  // "encoder": scores of the memory tokens; "dense": peaks of the trunk's dense heads
  int queries = 300;
  int first_level = 0;  // "encoder": levels below this one propose nothing
};

struct PoseDecoderConfig {  // [pose_decoder]
  int layers = 3;
  int head_hidden = 512;       // width of the keypoint heads
  std::string step = "image";  // what a keypoint's step is measured in, here and in the joint decoder and STPD: "image":
                               // the logit of its place in the picture (PETR; eq. 4); "pose": half the pose's extent
};

struct JointDecoderConfig {  // [joint_decoder]
  int layers = 2;            // 0 leaves it out
  int points = 4;
  bool pose_query = false;       // start from the pose query as well (the paper's starts from embeddings alone)
  bool keypoint_scores = false;  // a score per keypoint (the paper has one score per pose)
};

struct HeatmapConfig {  // [heatmap]
  bool enabled = true;  // training-only branch on the first level
};

struct ModelConfig {
  std::string name = "petr-r50";     // [model]
  std::string keypoints = "coco17";  // joint set, see formats/joints.h
  int keypoint_count = 17;
  int channels = 256;
  int heads = 8;
  int feed_forward = 1024;
  double dropout = 0.1;
  InputConfig input;
  BackboneConfig backbone;
  NeckConfig neck;
  EncoderConfig encoder;
  ProposalConfig proposals;
  PoseDecoderConfig pose_decoder;
  JointDecoderConfig joint_decoder;
  HeatmapConfig heatmap;
  TemporalConfig temporal;  // [temporal]

  std::int64_t levels() const;  // L
  bool dense() const { return proposals.type == "dense"; }
  bool small_trunk() const { return backbone.type == "movenet"; }
};

// Throws Error(kUsage) that names file, key and remedy.
ModelConfig read_model_config(const toml::table& document, const std::string& name);
ModelConfig load_model_config(const std::filesystem::path& path);
std::string write_model_config(const ModelConfig& config);  // TOML text that reads back equal

}  // namespace vepe::model
