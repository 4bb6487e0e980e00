#include "checkpoint/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint/backbone_names.h"
#include "checkpoint/export.h"
#include "checkpoint/joint_cut.h"
#include "checkpoint/name_map.h"
#include "core/error.h"
#include "formats/joints.h"
#include "model/model_file.h"

namespace vepe::checkpoint {
namespace {

const std::string kData = std::string(VEPE_SOURCE_DIR) + "/tests/data/";

// A state dict with the names and shapes of a public list. All its tensors are the start of one buffer.
class PublicList {
 public:
  explicit PublicList(const std::string& name) {
    const auto list = nlohmann::json::parse(std::ifstream(kData + "checkpoint/names/" + name + ".json")).at("entries");
    for (const auto& [key, entry] : list.items()) {
      TorchTensor tensor;
      tensor.shape = entry[0].get<std::vector<std::int64_t>>();
      tensor.dtype = entry[1] == "int64" ? DType::kI64 : DType::kF32;
      tensor.strides.assign(tensor.shape.size(), 1);
      for (std::size_t axis = tensor.shape.size(); axis-- > 1;)
        tensor.strides[axis - 1] = tensor.strides[axis] * tensor.shape[axis];
      largest_ = std::max(largest_, tensor.size_bytes());
      state.tensors.emplace(key, tensor);
    }
    buffer_.assign(largest_ / sizeof(float) + 1, 0.0625F);
    for (auto& item : state.tensors) item.second.data = reinterpret_cast<const std::byte*>(buffer_.data());
  }

  StateDict state;

 private:
  std::size_t largest_ = 0;
  std::vector<float> buffer_;
};

struct ListCase {
  const char* name;
  const char* family;
  std::size_t initialised_in_backbone;  // tensors that such files do not hold
};

class ImportList : public testing::TestWithParam<ListCase> {};

TEST_P(ImportList, EveryTensorHasItsPlace) {
  const PublicList list(GetParam().name);
  const ImportedModel imported = import_state(list.state, GetParam().name, {});
  EXPECT_EQ(imported.report.family, GetParam().family);
  EXPECT_TRUE(imported.report.unknown.empty()) << imported.report.unknown.front();
  EXPECT_EQ(imported.report.mapped.size() + imported.report.ignored.size(), list.state.tensors.size());
  const bool detector = std::string(GetParam().family).starts_with("PETR");
  std::size_t in_backbone = 0;
  for (const std::string& name : imported.report.initialised) in_backbone += name.starts_with(kBackbonePrefix);
  EXPECT_EQ(in_backbone, GetParam().initialised_in_backbone);
  EXPECT_EQ(detector, imported.report.initialised.empty());
}

INSTANTIATE_TEST_SUITE_P(Public, ImportList,
                         testing::Values(ListCase{"opera_petr_r50_16x2_100e_coco", "PETR on resnet50", 0},
                                         ListCase{"opera_petr_swin-l-p4-w7-224-22kto1k_16x1_100e_crowdpose",
                                                  "PETR on swin_l (OpenMMLab names)", 0},
                                         ListCase{"petr_hrnet_w48_3levels_coco", "PETR on hrnet_w48", 0},
                                         ListCase{"resnet18_torchvision", "backbone resnet18", 0},
                                         // 13 exchange steps towards outputs 2..4, five tensors each
                                         ListCase{"hrnet_w32_pose_coco", "backbone hrnet_w32", 65},
                                         // weight and bias of the three output norms
                                         ListCase{"swin_large_w7_224_22k_official_cls", "backbone swin_l", 6},
                                         ListCase{"swin_large_w7_224_timm", "backbone swin_l (timm names)", 6}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Import, SizesFollowFromTheShapes) {
  const PublicList list("opera_petr_r50_16x2_100e_coco");
  const model::ModelConfig config = import_state(list.state, "test.pth", {}).model->config();
  EXPECT_EQ(config.keypoint_count, 17);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.encoder.layers, 6);
  EXPECT_EQ(config.encoder.points, 4);
  EXPECT_EQ(config.feed_forward, 1024);
  EXPECT_EQ(config.proposals.queries, 300);
  EXPECT_EQ(config.pose_decoder.layers, 3);
  EXPECT_EQ(config.pose_decoder.head_hidden, 512);
  EXPECT_EQ(config.joint_decoder.layers, 2);
  EXPECT_EQ(config.joint_decoder.points, 4);
  EXPECT_TRUE(config.heatmap.enabled);
}

std::string refusal(const StateDict& state, const ImportOptions& options = {}) {
  try {
    import_state(state, "test.pth", options);
  } catch (const Error& error) {
    EXPECT_FALSE(error.remedy().empty());
    return error.what();
  }
  return "";
}

TEST(Import, HalfFittingFilesAreRefusedWithTheFirstDifferences) {
  PublicList list("resnet18_torchvision");
  StateDict renamed = list.state;
  auto node = renamed.tensors.extract("layer2.0.conv1.weight");
  node.key() = "layer2.0.conv_a.weight";
  renamed.tensors.insert(std::move(node));
  EXPECT_THAT(refusal(renamed), testing::AllOf(testing::HasSubstr("nothing for backbone.layer2.0.conv1.weight"),
                                               testing::HasSubstr("no place for layer2.0.conv_a.weight")));
  StateDict reshaped = list.state;
  reshaped.tensors["layer3.0.conv1.weight"].shape[0] = 7;
  EXPECT_THAT(refusal(reshaped), testing::HasSubstr("backbone.layer3.0.conv1.weight is [7, 128, 3, 3], want [256, 128, 3, 3]"));
  StateDict foreign;
  foreign.tensors["embedding.weight"] = list.state.tensors.at("fc.weight");
  EXPECT_THAT(refusal(foreign), testing::HasSubstr("no backbone"));
}

TEST(Import, StrictRefusesWhatTheDefaultOnlyReports) {
  PublicList list("resnet18_torchvision");
  EXPECT_EQ(refusal(list.state), "");
  ImportOptions strict;
  strict.strict = true;
  EXPECT_THAT(refusal(list.state, strict), testing::HasSubstr("lacks tensors of the model"));
}

TEST(Import, ParallelPrefixIsStrippedWhenAllNamesHaveIt) {
  const PublicList list("resnet18_torchvision");
  StateDict wrapped;
  for (const auto& [name, tensor] : list.state.tensors) wrapped.tensors["module." + name] = tensor;
  EXPECT_EQ(import_state(wrapped, "test.pth", {}).report.family, "backbone resnet18");
}

// Rows that held values for one joint hold them for that joint afterwards, wherever it stands in the new order.
TEST(JointCut, SharedJointsKeepTheirRowsAndHeadJointsAreCombined) {
  const at::Tensor weights = joint_weights("coco17", "posetrack15");
  ASSERT_EQ(weights.sizes(), (std::vector<std::int64_t>{15, 17}));
  EXPECT_TRUE(torch::allclose(weights.sum(1), torch::ones({15})));
  const auto &coco = formats::coco17(), &posetrack = formats::posetrack15();
  // [heads x levels, joints, 2] offsets where joint j holds 100 j (x) and 100 j + 1 (y), the same in each head.
  const at::Tensor joints = torch::arange(17).to(torch::kFloat) * 100;
  const at::Tensor bias = torch::stack({joints, joints + 1}, 1).repeat({6, 1}).flatten();
  const at::Tensor cut = cut_joints("pose_decoder.layers.0.cross_attn.sampling_offsets.bias", bias, weights).view({6, 15, 2});
  for (const char* name : {"right_ankle", "left_wrist", "nose"}) {
    EXPECT_EQ(cut[5][posetrack.index(name)][0].item<float>(), 100.0F * static_cast<float>(coco.index(name))) << name;
    EXPECT_EQ(cut[5][posetrack.index(name)][1].item<float>(), 100.0F * static_cast<float>(coco.index(name)) + 1) << name;
  }
  const double middle = 50.0 * (coco.index("left_shoulder") + coco.index("right_shoulder")), nose = 100.0 * coco.index("nose");
  EXPECT_NEAR(cut[0][posetrack.index("head_bottom")][0].item<double>(), middle + 0.3 * (nose - middle), 1e-3);
  EXPECT_NEAR(cut[0][posetrack.index("head_top")][0].item<double>(), nose + 0.5 * (nose - middle), 1e-3);
  EXPECT_THROW(joint_weights("posetrack15", "coco17"), Error);  // eyes and ears come from nowhere
}

TEST(BackboneNames, SwinNamesOfTheTwoProjectsCorrespond) {
  const auto map = nlohmann::json::parse(std::ifstream(kData + "backbones/swin_tiny_e8/name_map.json"));
  ASSERT_GT(map.size(), 100U);
  for (const auto& [official, entry] : map.items()) {
    const std::string mm = entry[0];
    EXPECT_EQ(backbone_name_from_public(mm, BackboneNaming::kSwinMm), official);
    EXPECT_EQ(public_name_from_backbone(official, BackboneNaming::kSwinMm), mm);
    EXPECT_EQ(merges_patches(official), entry[1] == "reorder") << official;
  }
  EXPECT_EQ(backbone_name_from_public("layers.2.downsample.norm.bias", BackboneNaming::kSwinTimm), "layers.1.downsample.norm.bias");
  EXPECT_EQ(public_name_from_backbone("layers.1.downsample.norm.bias", BackboneNaming::kSwinTimm), "layers.2.downsample.norm.bias");
}

TEST(BackboneNames, PatchMergingOrderFollowsTheFormula) {
  const at::Tensor official = torch::arange(2 * 4 * 3).to(torch::kFloat).view({2, 12});
  const at::Tensor mm = mm_from_official_order(official);
  const int place[] = {0, 2, 1, 3};
  for (int c = 0; c < 3; ++c) {
    for (int k = 0; k < 4; ++k) EXPECT_EQ(mm[1][c * 4 + k].item<float>(), official[1][place[k] * 3 + c].item<float>());
  }
  EXPECT_TRUE(torch::equal(official_from_mm_order(mm), official));
}

TEST(NameMap, LastBranchServesTheProposals) {
  EXPECT_EQ(petr_name_from_public("bbox_head.cls_branches.3.bias", 3), "proposals.score.bias");
  EXPECT_EQ(petr_name_from_public("bbox_head.cls_branches.3.bias", 6), "pose_decoder.score_heads.3.bias");
  EXPECT_EQ(public_name_from_petr("proposals.keypoint_head.6.weight", 6), "bbox_head.kpt_branches.6.6.weight");
  EXPECT_EQ(petr_name_from_public("bbox_head.transformer.unknown.weight", 3), std::nullopt);
  EXPECT_EQ(petr_name_from_public("bbox_head.fc_hmm.weight", 3), std::nullopt);
}

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.channels = 32;
  config.heads = 4;
  config.feed_forward = 16;
  config.backbone.type = "resnet18";
  config.backbone.base_channels = 4;
  config.encoder.layers = 1;
  config.proposals.queries = 12;
  config.pose_decoder.layers = 2;
  config.pose_decoder.head_hidden = 16;
  config.joint_decoder.layers = 1;
  return config;
}

// A model whose every parameter is random, also those that start at zero.
std::shared_ptr<model::SpatialModel> random_model() {
  torch::manual_seed(5);
  const torch::NoGradGuard no_grad;
  auto model = std::make_shared<model::SpatialModel>(small_config());
  for (auto& parameter : model->parameters()) parameter.normal_();
  return model;
}

std::string temporary(const std::string& name) { return testing::TempDir() + "vepe_import_test_" + name; }

TEST(Export, ExportedFilesImportBitForBit) {
  const auto model = random_model();
  std::vector<std::string> own;
  write_state(temporary("a.pth"), public_state(*model, &own), StateFormat::kTorch);
  EXPECT_TRUE(own.empty());
  const TorchFile file{std::filesystem::path(temporary("a.pth"))};
  const ImportedModel imported = import_checkpoint(file, {});
  EXPECT_TRUE(imported.report.initialised.empty());
  const auto before = model::state_of(*model), after = model::state_of(*imported.model);
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, tensor] : before) EXPECT_TRUE(torch::equal(tensor, after.at(name))) << name;
}

TEST(Export, PublicNamesAreThoseOfThePublicList) {
  const PublicList list("opera_petr_r50_16x2_100e_coco");
  const auto state = public_state(*import_state(list.state, "test.pth", {}).model);
  EXPECT_EQ(state.size(), list.state.tensors.size());
  for (const auto& [name, tensor] : list.state.tensors) {
    ASSERT_TRUE(state.count(name)) << name;
    EXPECT_EQ(state.at(name).sizes(), at::IntArrayRef(tensor.shape)) << name;
  }
}

TEST(Export, SafetensorsHoldTheSameTensors) {
  const auto state = public_state(*random_model());
  write_state(temporary("a.safetensors"), state, StateFormat::kSafetensors);
  const auto read = model::read_tensors(temporary("a.safetensors"));
  ASSERT_EQ(read.size(), state.size());
  for (const auto& [name, tensor] : state) EXPECT_TRUE(torch::equal(tensor, read.at(name))) << name;
}

TEST(Import, CutModelsRunAndSayWhatWasCut) {
  const torch::NoGradGuard no_grad;
  write_state(temporary("b.pth"), public_state(*random_model()), StateFormat::kTorch);
  ImportOptions options;
  options.keypoints = 15;
  options.queries = 5;
  const TorchFile file{std::filesystem::path(temporary("b.pth"))};
  const ImportedModel imported = import_checkpoint(file, options);
  EXPECT_EQ(imported.report.cuts.size(), 2U);
  EXPECT_EQ(imported.model->config().keypoints, "posetrack15");
  const auto output = imported.model->forward(torch::randn({1, 3, 64, 96}), torch::tensor({{64.0F, 96.0F}}));
  const auto found = imported.model->detect(output, 5);
  EXPECT_EQ(found.keypoints.sizes(), (std::vector<std::int64_t>{1, 5, 15, 2}));
  options.queries = 13;
  EXPECT_THROW(import_checkpoint(file, options), Error);
}

// PyTorch itself loads the file strictly and sees the same bits.
TEST(Export, PythonLoadsTheFileStrictly) {
  const std::string python = "/usr/bin/python3";
  if (std::system((python + " -c 'import torch' 2> /dev/null").c_str()) != 0)
    GTEST_SKIP() << "no python3-torch here; ./test installs it, so CI on a fresh Debian 12 runs this";
  const auto state = public_state(*random_model());
  write_state(temporary("c.pth"), state, StateFormat::kTorch);
  std::ofstream names(temporary("c.txt")), raw(temporary("c.bin"), std::ios::binary);
  for (const auto& [name, tensor] : state) {
    names << name;
    for (const auto size : tensor.sizes()) names << ' ' << size;
    names << '\n';
    raw.write(static_cast<const char*>(tensor.data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  }
  names.close();
  raw.close();
  std::ofstream(temporary("c.py")) << R"(import sys, torch
root, expected = torch.nn.Module(), open(sys.argv[3], 'rb').read()
for line in open(sys.argv[2]):
    name, *shape = line.split()
    *path, leaf = name.split('.')
    module = root
    for part in path:
        if part not in dict(module.named_children()): module.add_module(part, torch.nn.Module())
        module = dict(module.named_children())[part]
    counts = leaf == 'num_batches_tracked'
    module.register_buffer(leaf, torch.zeros([int(s) for s in shape], dtype=torch.int64 if counts else torch.float32))
root.load_state_dict(torch.load(sys.argv[1]), strict=True)
state = root.state_dict()
seen = b''.join(state[line.split()[0]].numpy().tobytes() for line in open(sys.argv[2]))
sys.exit(0 if seen == expected else 3)
)";
  const std::string command =
      python + " " + temporary("c.py") + " " + temporary("c.pth") + " " + temporary("c.txt") + " " + temporary("c.bin");
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace vepe::checkpoint
