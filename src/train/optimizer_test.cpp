#include "train/optimizer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/model_file.h"

namespace vepe::train {
namespace {

struct Pair : torch::nn::Module {
  torch::nn::Linear a{nullptr}, b{nullptr};
  Pair() {
    a = register_module("a", torch::nn::Linear(3, 2));
    b = register_module("b", torch::nn::Linear(2, 1));
  }
  torch::Tensor loss(const torch::Tensor& x) { return b->forward(torch::tanh(a->forward(x))).pow(2).sum(); }
};

// LibTorch's own AdamW is the reference; biases are not decayed here, so it is compared without decay.
TEST(Optimizer, StepsAsAdamWOfLibTorch) {
  torch::manual_seed(1);
  Pair ours, theirs;
  {
    torch::NoGradGuard no_grad;
    for (const auto& item : ours.named_parameters()) theirs.named_parameters()[item.key()].copy_(item.value());
  }
  OptimizerConfig config;
  config.lr = 0.01;
  config.weight_decay = 0;
  config.clip = 0;
  Optimizer optimizer(parameters_of(ours), config);
  torch::optim::AdamW reference(theirs.parameters(), torch::optim::AdamWOptions(0.01).weight_decay(0));
  for (int i = 0; i < 20; ++i) {
    const torch::Tensor x = torch::randn({4, 3});
    ours.loss(x).backward();
    optimizer.step(1);
    reference.zero_grad();
    theirs.loss(x).backward();
    reference.step();
  }
  for (const auto& item : ours.named_parameters()) {
    EXPECT_LT((item.value() - theirs.named_parameters()[item.key()]).abs().max().item<double>(), 1e-6) << item.key();
  }
}

TEST(Optimizer, FreezesClipsAndRestoresItsState) {
  torch::manual_seed(2);
  Pair module;
  OptimizerConfig config;
  config.groups = {{"a.", 0.0}};
  config.clip = 1e-3;
  Optimizer optimizer(parameters_of(module), config);
  EXPECT_EQ(optimizer.trainable(), 3);
  const torch::Tensor frozen = module.a->weight.detach().clone();
  module.loss(torch::ones({4, 3})).backward();
  EXPECT_GT(optimizer.step(1), 1e-3);  // the norm before clipping
  EXPECT_TRUE(frozen.equal(module.a->weight));
  const auto state = optimizer.state();
  // The first moment is a tenth of the clipped gradient.
  double square = 0;
  for (const char* name : {"b.weight.exp_avg", "b.bias.exp_avg"}) square += state.at(name).pow(2).sum().item<double>();
  EXPECT_NEAR(std::sqrt(square), 1e-4, 1e-6);
  Optimizer other(parameters_of(module), config);
  other.load_state(state);
  EXPECT_EQ(other.state().at("step").item<std::int64_t>(), 1);
  EXPECT_THROW(other.load_state({}), Error);
  config.groups = {{"", 0.0}};
  EXPECT_THROW(Optimizer(parameters_of(module), config), Error);
}

TEST(Optimizer, ClipsEachGroupByItsOwnNorm) {
  torch::manual_seed(3);
  Pair module;
  OptimizerConfig config;
  config.groups = {{"a.", 1.0}};
  config.clip = 1e-3;
  config.clip_each_group = true;
  Optimizer optimizer(parameters_of(module), config);
  (1000 * module.loss(torch::ones({4, 3}))).backward();
  optimizer.step(1);
  const auto state = optimizer.state();
  for (const std::string group : {"a.", "b."}) {
    double square = 0;
    for (const char* name : {"weight.exp_avg", "bias.exp_avg"}) square += state.at(group + name).pow(2).sum().item<double>();
    EXPECT_NEAR(std::sqrt(square), 1e-4, 1e-6) << group;
  }
}

TEST(Optimizer, LeavesTheWeightsAloneWhenTheGradientIsNotFinite) {
  Pair module;
  Optimizer optimizer(parameters_of(module), OptimizerConfig{});
  const torch::Tensor before = module.b->weight.detach().clone();
  (module.loss(torch::ones({1, 3})) * std::numeric_limits<float>::infinity()).backward();
  EXPECT_FALSE(std::isfinite(optimizer.step(1)));
  EXPECT_TRUE(before.equal(module.b->weight));
}

TEST(Ema, AveragesAndSwaps) {
  Pair module;
  Ema ema(model::state_of(module), 0.5);
  torch::NoGradGuard no_grad;
  const torch::Tensor start = module.b->bias.clone();
  module.b->bias.fill_(10);
  ema.update();  // decay = min(0.5, 2 / 11)
  const torch::Tensor expected = start * (2.0 / 11) + 10 * (9.0 / 11);
  EXPECT_NEAR(ema.state().at("b.bias").item<double>(), expected.item<double>(), 1e-5);
  ema.swap();
  EXPECT_NEAR(module.b->bias.item<double>(), expected.item<double>(), 1e-5);
  ema.swap();
  EXPECT_EQ(module.b->bias.item<double>(), 10);
}

TEST(Schedule, WarmsUpAndFalls) {
  ScheduleConfig config;
  config.steps = 100;
  config.warmup = 10;
  EXPECT_DOUBLE_EQ(schedule_factor(config, 0), 0.1);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 9), 1.0);
  EXPECT_NEAR(schedule_factor(config, 100), config.final_factor, 1e-12);
  EXPECT_GT(schedule_factor(config, 30), schedule_factor(config, 60));
  config.type = "step";
  EXPECT_DOUBLE_EQ(schedule_factor(config, 79), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(config, 80), 0.1);
}

}  // namespace
}  // namespace vepe::train
