#include "nn/attention.h"

#include <gtest/gtest.h>

namespace vepe::nn {
namespace {

// With gradients the memory is projected first; without them a few samples are taken first and many are not.
TEST(PoseAttention, GivesTheSameWhicheverOfSamplingAndProjectingComesFirst) {
  torch::manual_seed(3);
  const ops::LevelShapes shapes = {{12, 16}, {6, 8}};
  const std::int64_t S = ops::token_count(shapes), C = 24, K = 5;
  for (const bool bf16 : {false, true}) {
    DeformableAttention attention({C, 4, 2, K, true, 0});
    {
      const torch::NoGradGuard no_grad;
      for (auto& parameter : attention.parameters()) parameter.copy_(torch::randn_like(parameter) * 0.5);
      if (bf16) {
        for (auto& item : attention.named_parameters()) {
          if (item.key().find("value_proj") != std::string::npos) item.value().set_data(item.value().to(torch::kBFloat16));
        }
      }
    }
    const Tensor tokens = torch::randn({2, S, C}), padding = torch::rand({2, S}) < 0.3;
    for (const std::int64_t N : {0, 1, 2, 40}) {
      const Tensor query = torch::randn({2, N, C}), reference = torch::rand({2, N, 2, K, 2}) * 1.4 - 0.2;  // some of it outside
      for (const Tensor& mask : {Tensor(), padding}) {
        const Tensor first = attention.forward(query, {}, reference, attention.project(tokens, shapes, mask));
        const torch::NoGradGuard no_grad;
        const Tensor last = attention.forward(query, {}, reference, attention.project(tokens, shapes, mask));
        ASSERT_EQ(first.sizes(), last.sizes());
        if (N == 0) continue;
        const double scale = first.abs().max().item<double>();
        EXPECT_LE((first - last).abs().max().item<double>(), (bf16 ? 2e-2 : 1e-5) * scale)
            << N << (mask.defined() ? " padded" : "") << (bf16 ? " bf16" : "");
        if (mask.defined()) {  // padding is not read, whatever it holds
          const Tensor other = torch::where(mask.unsqueeze(-1), torch::full_like(tokens, 1e3), tokens);
          EXPECT_TRUE(attention.forward(query, {}, reference, attention.project(other, shapes, mask)).equal(last)) << N;
        }
      }
    }
  }
}

}  // namespace
}  // namespace vepe::nn
