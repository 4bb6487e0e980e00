#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "model/backbone/golden_backbone.h"
#include "model/backbone/hrnet.h"
#include "model/backbone/resnet.h"
#include "model/backbone/swin.h"

namespace vepe::model {
namespace {

std::shared_ptr<Backbone> full_resnet(int depth, bool caffe_style = false) {
  ResNetConfig config;
  config.depth = depth;
  config.caffe_style = caffe_style;
  config.out_stages = {1, 2, 3, 4};
  return make_resnet(config);
}

std::shared_ptr<Backbone> full_hrnet(int width, bool single_output) {
  HRNetConfig config;
  config.width = width;
  config.single_output = single_output;
  config.out_branches = single_output ? std::vector<int>{1} : std::vector<int>{1, 2, 3, 4};
  return make_hrnet(config);
}

std::shared_ptr<Backbone> full_swin() {
  SwinConfig config;
  config.out_stages = {1, 2, 3, 4};
  return make_swin(config);
}

struct FullCase {
  const char* name;  // in full_formula.json
  std::function<std::shared_ptr<Backbone>()> make;
  std::vector<std::string> outputs;
};

const std::vector<std::string> kResNetOutputs = {"layer1", "layer2", "layer3", "layer4"},
                               kOutputs = {"out0", "out1", "out2", "out3"};

class FullSize : public testing::TestWithParam<FullCase> {};

void expect_output(const at::Tensor& map, const nlohmann::json& wanted) {
  ASSERT_EQ(map.sizes().vec(), wanted.at("shape").get<std::vector<std::int64_t>>());
  EXPECT_NEAR(map.mean().item<double>(), wanted.at("mean").get<double>(), 1e-4);
  EXPECT_NEAR(map.std(false).item<double>(), wanted.at("std").get<double>(), 1e-4);
  EXPECT_NEAR(map.min().item<double>(), wanted.at("min").get<double>(), 1e-4);
  EXPECT_NEAR(map.max().item<double>(), wanted.at("max").get<double>(), 1e-4);
  const at::Tensor flat = map.contiguous().view(-1);
  ASSERT_EQ(wanted.at("index").size(), wanted.at("value").size());
  for (std::size_t i = 0; i < wanted.at("index").size(); ++i) {
    const auto index = wanted["index"][i].get<std::int64_t>();
    EXPECT_NEAR(flat[index].item<double>(), wanted["value"][i].get<double>(), 1e-4) << "element " << index;
  }
}

// Models of their real size; their weights follow from a formula, so that no weight file is needed.
TEST_P(FullSize, OutputsAgree) {
  const torch::NoGradGuard no_grad;
  const auto list = nlohmann::json::parse(std::ifstream(golden::path("full_formula.json")));
  const auto backbone = GetParam().make();
  golden::fill(*backbone);
  backbone->eval();
  const bool hrnet = std::string(GetParam().name).rfind("hrnet", 0) == 0;
  const at::Tensor image = hrnet ? golden::tensor("input128x160", {1, 3, 128, 160}) : golden::tensor("input", {1, 3, 130, 163});
  auto maps = backbone->forward(image);
  ASSERT_EQ(maps.size(), GetParam().outputs.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    SCOPED_TRACE(GetParam().outputs[i]);
    expect_output(maps[i], list.at("models").at(GetParam().name).at("outputs").at(GetParam().outputs[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Formula, FullSize,
                         testing::Values(FullCase{"resnet18_torchvision", [] { return full_resnet(18); }, kResNetOutputs},
                                         FullCase{"resnet50_torchvision", [] { return full_resnet(50); }, kResNetOutputs},
                                         FullCase{"resnet50_caffe", [] { return full_resnet(50, true); }, kResNetOutputs},
                                         FullCase{"resnet101_torchvision", [] { return full_resnet(101); }, kResNetOutputs},
                                         FullCase{"hrnet_w32_pose", [] { return full_hrnet(32, true); }, {"branch0"}},
                                         FullCase{"hrnet_w32_multiscale", [] { return full_hrnet(32, false); }, kOutputs},
                                         FullCase{"hrnet_w48_pose", [] { return full_hrnet(48, true); }, {"branch0"}},
                                         FullCase{"hrnet_w48_multiscale", [] { return full_hrnet(48, false); }, kOutputs},
                                         FullCase{"swin_large_official_detection", full_swin, kOutputs}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vepe::model
