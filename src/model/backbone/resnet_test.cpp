#include "model/backbone/resnet.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/backbone/golden_backbone.h"

namespace vepe::model {
namespace {

ResNetConfig small(int depth) {
  ResNetConfig config;
  config.depth = depth;
  config.base_channels = config.stem_channels = 8;
  config.out_stages = {1, 2, 3, 4};
  return config;
}

struct GoldenCase {
  const char* file;
  int depth;
  bool caffe_style;
};

class ResNetGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(ResNetGolden, AllStagesAgreeBeforeAndAfterFolding) {
  const torch::NoGradGuard no_grad;
  ResNetConfig config = small(GetParam().depth);
  config.caffe_style = GetParam().caffe_style;
  const auto backbone = make_resnet(config);
  golden::fill(*backbone);
  backbone->eval();
  const SafetensorsFile io(golden::path(std::string("resnet_small/") + GetParam().file));
  for (const bool folded : {false, true}) {
    SCOPED_TRACE(folded ? "folded" : "as loaded");
    if (folded) backbone->fold_batch_norm();
    const auto maps = backbone->forward(golden::read(io, "input"));
    ASSERT_EQ(maps.size(), 4U);
    for (int stage = 0; stage < 4; ++stage) {
      EXPECT_EQ(maps[stage].size(1), backbone->out_channels()[stage]);
      EXPECT_LT(golden::difference(maps[stage], golden::read(io, "layer" + std::to_string(stage + 1))), 3e-5)
          << "stage " << stage + 1;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Small, ResNetGolden,
                         testing::Values(GoldenCase{"resnet18_pytorch_io.safetensors", 18, false},
                                         GoldenCase{"resnet50_pytorch_io.safetensors", 50, false},
                                         GoldenCase{"resnet50_caffe_io.safetensors", 50, true}),
                         [](const auto& info) {
                           return std::string(info.param.file).substr(0, std::string(info.param.file).find("_io"));
                         });

TEST(ResNet, FrozenPartsDoNotTrainAndNormsKeepTheirStatistics) {
  ResNetConfig config = small(18);
  config.out_stages = {2, 3, 4};
  const auto backbone = make_resnet(config);
  backbone->train();
  const at::Tensor mean_before = backbone->named_buffers()["layer4.0.bn1.running_mean"].clone();
  at::Tensor sum = torch::zeros({});
  for (const auto& map : backbone->forward(torch::randn({2, 3, 64, 64}))) sum = sum + map.sum();
  sum.backward();
  for (const auto& item : backbone->named_parameters()) {
    const bool frozen = item.key().rfind("conv1", 0) == 0 || item.key().rfind("bn1", 0) == 0 || item.key().rfind("layer1.", 0) == 0;
    EXPECT_EQ(item.value().grad().defined(), !frozen) << item.key();
  }
  EXPECT_TRUE(torch::equal(backbone->named_buffers()["layer4.0.bn1.running_mean"], mean_before));
}

TEST(ResNet, NormsTrainWhenAskedTo) {
  ResNetConfig config = small(18);
  config.norm_eval = false;
  config.frozen_stages = -1;
  const auto backbone = make_resnet(config);
  backbone->train();
  backbone->forward(torch::randn({2, 3, 64, 64}) + 3);
  EXPECT_GT(backbone->named_buffers()["bn1.running_mean"].abs().max().item<double>(), 0);
}

TEST(ResNet, FoldedWeightsFollowAChangeOfType) {
  const torch::NoGradGuard no_grad;
  const auto backbone = make_resnet(small(18));
  backbone->eval();
  backbone->fold_batch_norm();
  backbone->to(torch::kFloat64);
  EXPECT_EQ(backbone->forward(torch::randn({1, 3, 32, 32}, torch::kFloat64))[3].scalar_type(), torch::kFloat64);
}

TEST(ResNet, RefusesDepthsAndStagesThatDoNotExist) {
  ResNetConfig config = small(26);
  EXPECT_THROW(make_resnet(config), Error);
  config = small(18);
  config.out_stages = {3, 2};
  EXPECT_THROW(make_resnet(config), Error);
  config.out_stages = {};
  EXPECT_THROW(make_resnet(config), Error);
}

}  // namespace
}  // namespace vepe::model
