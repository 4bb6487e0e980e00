#include "model/backbone/swin.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/backbone/golden_backbone.h"
#include "model/backbone/swin_block.h"

namespace vepe::model {
namespace {

SwinConfig tiny() {
  SwinConfig config;
  config.embed = 8;
  config.depths = {2, 2, 2, 2};
  config.heads = {1, 2, 4, 8};
  config.out_stages = {1, 2, 3, 4};
  return config;
}

TEST(Swin, AllStagesAgreeOnASizeThatNeedsEveryPadding) {
  const torch::NoGradGuard no_grad;
  const auto backbone = make_swin(tiny());
  golden::fill(*backbone);
  backbone->eval();
  const SafetensorsFile io(golden::path("swin_tiny_e8/io.safetensors"));
  const auto maps = backbone->forward(golden::read(io, "input"));
  ASSERT_EQ(maps.size(), 4U);
  for (int stage = 0; stage < 4; ++stage) {
    EXPECT_EQ(maps[stage].size(1), backbone->out_channels()[stage]);
    EXPECT_LT(golden::difference(maps[stage], golden::read(io, "out." + std::to_string(stage))), 5e-5) << stage;
  }
}

TEST(Swin, LaterOutputsDoNotNeedTheEarlierNorms) {
  const torch::NoGradGuard no_grad;
  SwinConfig config = tiny();
  config.out_stages = {2, 3, 4};
  const auto backbone = make_swin(config);
  EXPECT_FALSE(backbone->named_parameters().contains("norm0.weight"));
  golden::fill(*backbone);
  backbone->eval();
  const SafetensorsFile io(golden::path("swin_tiny_e8/io.safetensors"));
  EXPECT_LT(golden::difference(backbone->forward(golden::read(io, "input"))[2], golden::read(io, "out.3")), 5e-5);
}

TEST(Swin, MaskSeparatesOnlyWhatTheRollBroughtTogether) {
  const at::Tensor mask = shift_mask(7, 14, 7, 3);  // two windows side by side
  ASSERT_EQ(mask.sizes(), (std::vector<std::int64_t>{2, 49, 49}));
  EXPECT_EQ(mask[0][0][1].item<float>(), 0);         // neighbours in the first row
  EXPECT_EQ(mask[0][0][4 * 7].item<float>(), -100);  // row 4 came from the other end of the image
  EXPECT_EQ(mask[0][0][6].item<float>(), 0);         // the first window's columns are one band
  EXPECT_EQ(mask[1][0][4].item<float>(), -100);      // the last window's are two
  EXPECT_TRUE(torch::equal(mask, mask.transpose(1, 2)));
}

TEST(Swin, DropPathIsOffInEvalAndScalesInTraining) {
  SwinBlock::Options options;
  options.channels = 8;
  options.heads = 2;
  options.drop_path = 0.5;
  SwinBlock block(options);
  const at::Tensor map = torch::randn({16, 7, 7, 8});
  block.eval();
  EXPECT_TRUE(torch::equal(block.forward(map), block.forward(map)));
  block.train();
  torch::manual_seed(1);
  const at::Tensor change = (block.forward(map) - map).abs().amax({1, 2, 3});
  EXPECT_GT((change == 0).sum().item<int>(), 0);
  EXPECT_GT((change > 0).sum().item<int>(), 0);
}

TEST(Swin, RefusesHeadsThatDoNotDivide) {
  SwinConfig config = tiny();
  config.heads = {3, 2, 4, 8};
  EXPECT_THROW(make_swin(config), Error);
}

}  // namespace
}  // namespace vepe::model
