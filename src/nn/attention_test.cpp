#include "nn/attention.h"

#include <gtest/gtest.h>

namespace vepe::nn {
namespace {

// One query, one key and head after the other, from the parameters.
TEST(MultiHeadAttention, WithARelationIsTheDirectSum) {
  torch::manual_seed(5);
  const std::int64_t N = 3, R = 4, M = 2, D = 3, C = M * D;
  MultiHeadAttention attention(C, M, 0);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : attention.parameters()) parameter.copy_(torch::randn_like(parameter));
  const Tensor query = torch::randn({1, N, C}), key = torch::randn({1, R, C}), value = torch::randn({1, R, C});
  const Tensor relation = torch::randn({1, N, R, 2 * C}), allowed = torch::rand({1, N, R}) < 0.6;
  allowed[0][1].fill_(false);
  const Tensor answer = attention.forward(query, key, value, allowed, relation);
  const auto parameters = attention.named_parameters();
  const auto weight = parameters["in_proj_weight"].chunk(3), bias = parameters["in_proj_bias"].chunk(3);
  for (std::int64_t n = 0; n < N; ++n) {
    Tensor mixed = torch::zeros({C});
    for (std::int64_t m = 0; m < M; ++m) {
      const auto head = [&](const Tensor& x) { return x.slice(0, m * D, (m + 1) * D); };
      const Tensor q = head(weight[0].mv(query[0][n]) + bias[0]) / std::sqrt(static_cast<double>(D));
      double total = 0;
      for (std::int64_t r = 0; r < R; ++r) {
        if (!allowed[0][n][r].item<bool>()) continue;
        const Tensor pair = relation[0][n][r];
        const Tensor k = head(weight[1].mv(key[0][r]) + bias[1]) + head(pair.slice(0, 0, C));
        const Tensor v = head(weight[2].mv(value[0][r]) + bias[2]) + head(pair.slice(0, C));
        const double share = std::exp(q.dot(k).item<double>());
        total += share;
        head(mixed) += share * v;
      }
      if (total > 0) head(mixed) /= total;
    }
    const bool seeing = allowed[0][n].any().item<bool>();
    const Tensor expected = seeing ? parameters["out_proj.weight"].mv(mixed) + parameters["out_proj.bias"] : torch::zeros({C});
    EXPECT_LE((answer[0][n] - expected).abs().max().item<double>(), 1e-4) << n;
  }
}

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
