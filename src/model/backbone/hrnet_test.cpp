#include "model/backbone/hrnet.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/backbone/golden_backbone.h"

namespace vepe::model {
namespace {

HRNetConfig four_outputs(std::int64_t width) {
  HRNetConfig config;
  config.width = width;
  config.out_branches = {1, 2, 3, 4};
  return config;
}

TEST(HRNet, FourOutputsAgreeBeforeAndAfterFolding) {
  const torch::NoGradGuard no_grad;
  HRNetConfig config = four_outputs(6);
  config.modules = {1, 1, 2, 2};
  config.blocks = 1;
  const auto backbone = make_hrnet(config);
  golden::fill(*backbone);
  backbone->eval();
  const SafetensorsFile io(golden::path("hrnet_mm_w6/io.safetensors"));
  for (const bool folded : {false, true}) {
    if (folded) backbone->fold_batch_norm();
    const auto maps = backbone->forward(golden::read(io, "input"));
    for (int branch = 0; branch < 4; ++branch) {
      EXPECT_LT(golden::difference(maps[branch], golden::read(io, "out." + std::to_string(branch))), 3e-5)
          << branch << " folded " << folded;
    }
  }
}

TEST(HRNet, SinglePoseOutputAndHeatmapAgree) {
  const torch::NoGradGuard no_grad;
  HRNetConfig config;
  config.width = 4;
  config.out_branches = {1};
  config.single_output = true;
  const auto backbone = make_hrnet(config);
  golden::fill(*backbone);
  backbone->eval();
  const SafetensorsFile io(golden::path("hrnet_pose_w4/io.safetensors"));
  const at::Tensor map = backbone->forward(golden::read(io, "input"))[0];
  EXPECT_LT(golden::difference(map, golden::read(io, "stage4.0")), 1e-4);
  const at::Tensor heatmap =
      torch::conv2d(map, golden::tensor("final_layer.weight", {17, 4, 1, 1}), golden::tensor("final_layer.bias", {17}));
  EXPECT_LT(golden::difference(heatmap, golden::read(io, "heatmap")), 1e-4);
}

TEST(HRNet, LeavingOutOutputsChangesNothingElse) {
  const torch::NoGradGuard no_grad;
  HRNetConfig config = four_outputs(4);
  const auto full = make_hrnet(config);
  config.out_branches = {2, 4};
  const auto part = make_hrnet(config);
  golden::fill(*full);
  golden::fill(*part);
  full->eval();
  part->eval();
  const at::Tensor image = torch::randn({1, 3, 64, 96});
  const auto all = full->forward(image);
  const auto some = part->forward(image);
  ASSERT_EQ(some.size(), 2U);
  EXPECT_TRUE(torch::equal(some[0], all[1]));
  EXPECT_TRUE(torch::equal(some[1], all[3]));
  EXPECT_EQ(part->out_strides(), (std::vector<std::int64_t>{8, 32}));
  EXPECT_EQ(part->out_channels(), (std::vector<std::int64_t>{8, 32}));
}

TEST(HRNet, RefusesSizesThatItsAuthorsCodeCannotAdd) {
  const auto backbone = make_hrnet(four_outputs(4));
  for (const auto& size : {std::pair(100, 132), std::pair(97, 128), std::pair(72, 96)}) {
    EXPECT_THROW(backbone->forward(torch::zeros({1, 3, size.first, size.second})), Error);
  }
}

TEST(HRNet, FreezesStemAndFirstStage) {
  HRNetConfig config = four_outputs(4);
  config.frozen_stages = 1;
  const auto backbone = make_hrnet(config);
  for (const auto& item : backbone->named_parameters()) {
    const bool frozen = item.key().rfind("conv", 0) == 0 || item.key().rfind("bn", 0) == 0 || item.key().rfind("layer1.", 0) == 0;
    EXPECT_EQ(item.value().requires_grad(), !frozen) << item.key();
  }
}

}  // namespace
}  // namespace vepe::model
