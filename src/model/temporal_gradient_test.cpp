// Gradients of every temporal module against finite differences, and eq. 1 against its direct sum.

#include <cmath>

#include "model/temporal_test_support.h"
#include "ops/position.h"

namespace vepe::model::temporal_testing {
namespace {

struct TemporalGradient : ::testing::Test {
  void SetUp() override { torch::manual_seed(11); }
};

Tensor leaf(const Tensor& values) { return values.clone().requires_grad_(true); }

// W'x + b of one token, head m; zero on padding and outside the level.
struct DirectSum {
  std::map<std::string, Tensor> p;  // parameters in double
  std::int64_t heads, channels;     // M, D

  std::vector<double> value(const Memory& frame, std::int64_t token, std::int64_t m) const {
    std::vector<double> result(static_cast<std::size_t>(channels), 0.0);
    if (frame.padding.defined() && frame.padding[0][token].item<bool>()) return result;
    const Tensor x = torch::matmul(p.at("value_proj.weight"), frame.tokens[0][token].to(torch::kDouble)) + p.at("value_proj.bias");
    for (std::int64_t d = 0; d < channels; ++d) result[static_cast<std::size_t>(d)] = x[m * channels + d].item<double>();
    return result;
  }

  // Adds weight * bilinear(level of the frame at x, y in 0..1).
  void sample(const Memory& frame, std::size_t level, double x, double y, double weight, std::int64_t m,
              std::vector<double>& sum) const {
    std::int64_t start = 0;
    for (std::size_t l = 0; l < level; ++l) start += frame.shapes[l].height * frame.shapes[l].width;
    const auto [height, width] = frame.shapes[level];
    const double column = x * static_cast<double>(width) - 0.5, row = y * static_cast<double>(height) - 0.5;
    for (std::int64_t j = 0; j < height; ++j) {
      for (std::int64_t i = 0; i < width; ++i) {
        const double share = std::max(0.0, 1 - std::abs(column - static_cast<double>(i))) *
                             std::max(0.0, 1 - std::abs(row - static_cast<double>(j)));
        if (share == 0) continue;
        const std::vector<double> at = value(frame, start + j * width + i, m);
        for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += weight * share * at[d];
      }
    }
  }

  Tensor query(const Tensor& z, const Tensor& position, const Tensor& centre, const std::vector<Memory>& frames,
               std::int64_t points) const {
    const auto levels = static_cast<std::int64_t>(frames.front().shapes.size()),
               all = static_cast<std::int64_t>(frames.size()) * levels;
    const Tensor positioned = (z + position).to(torch::kDouble);
    const Tensor offsets =
        (torch::matmul(p.at("sampling_offsets.weight"), positioned) + p.at("sampling_offsets.bias")).view({heads, all, points, 2});
    const Tensor logits =
        (torch::matmul(p.at("attention_weights.weight"), positioned) + p.at("attention_weights.bias")).view({heads, all * points});
    Tensor mixed_heads = torch::zeros({heads * channels}, torch::kDouble);
    for (std::int64_t m = 0; m < heads; ++m) {
      const double total = logits[m].exp().sum().item<double>();  // one normaliser over all T * L * P
      std::vector<double> sum(static_cast<std::size_t>(channels), 0.0);
      for (std::int64_t tl = 0; tl < all; ++tl) {
        const Memory& frame = frames[static_cast<std::size_t>(tl / levels)];
        const auto level = static_cast<std::size_t>(tl % levels);
        const auto [height, width] = frame.shapes[level];
        const Tensor ratio = frame.valid_ratios[0][tl % levels];
        for (std::int64_t k = 0; k < points; ++k) {
          const double x =
              centre[0].item<double>() * ratio[0].item<double>() + offsets[m][tl][k][0].item<double>() / static_cast<double>(width);
          const double y = centre[1].item<double>() * ratio[1].item<double>() +
                           offsets[m][tl][k][1].item<double>() / static_cast<double>(height);
          sample(frame, level, x, y, std::exp(logits[m][tl * points + k].item<double>()) / total, m, sum);
        }
      }
      for (std::int64_t d = 0; d < channels; ++d) mixed_heads[m * channels + d] = sum[static_cast<std::size_t>(d)];
    }
    return torch::matmul(p.at("output_proj.weight"), mixed_heads) + p.at("output_proj.bias") + z.to(torch::kDouble);
  }
};

TEST_F(TemporalGradient, TmsdaIsTheDirectSumOfEquation1) {
  const torch::NoGradGuard no_grad;
  Tmsda tmsda(small_config(), small_temporal());
  randomise(tmsda);
  DirectSum direct{{}, 2, 4};
  for (const auto& [name, parameter] : parameters_of(tmsda)) direct.p[name] = parameter.to(torch::kDouble);
  // Frames of two sizes, one of them padded at the right.
  std::vector<Memory> frames = {random_memory({{4, 5}, {2, 3}}, torch::kFloat), random_memory({{4, 5}, {2, 3}}, torch::kFloat),
                                random_memory({{3, 4}, {2, 2}}, torch::kFloat)};
  frames[2].padding = torch::zeros({1, 16}, torch::kBool);
  for (const std::int64_t token : {3, 7, 11, 13, 15}) frames[2].padding[0][token] = true;
  frames[2].valid_ratios = torch::tensor({{{0.75f, 1.f}, {0.5f, 1.f}}});
  const Tensor query = torch::randn({1, 5, 8}), position = torch::randn({1, 5, 8}), centres = torch::rand({1, 5, 2});
  std::vector<nn::ProjectedValue> values;
  for (const Memory& frame : frames) values.push_back({tmsda.values(frame, query.size(1)), frame.shapes});
  const Tensor result = tmsda.attend(query, position, centres, frames, values);
  for (std::int64_t q = 0; q < 5; ++q) {
    EXPECT_LE(largest_difference(result[0][q], direct.query(query[0][q], position[0][q], centres[0][q], frames, 2)), 1e-5)
        << "query " << q;
  }
}

TEST_F(TemporalGradient, OfTheInstanceStream) {
  for (const char* proposals : {"encoder", "dense"}) {
    SCOPED_TRACE(proposals);
    InstanceStream stream(small_config(proposals), small_temporal());
    stream.to(torch::kDouble);
    randomise(stream);
    Memory memory = random_memory({{4, 5}, {2, 3}}, torch::kDouble, 2);
    memory.tokens.requires_grad_(true);
    const Tensor query = leaf(torch::randn({2, 4, 8}, torch::kDouble)), keypoints = leaf(torch::rand({2, 4, 3, 2}, torch::kDouble));
    auto leaves = parameters_of(stream);
    leaves.insert(leaves.end(), {{"memory", memory.tokens}, {"pose queries", query}});
    if (proposals == std::string("encoder")) {  // four of six queries are used
      EXPECT_EQ(stream.named_parameters()["query_embedding"].size(0), 6);
    }
    expect_gradients([&] { return mixed(stream.forward(memory, query, keypoints)); }, leaves);
    EXPECT_FALSE(keypoints.grad().defined());  // reference points are detached
  }
}

TEST_F(TemporalGradient, OfStpe) {
  Stpe stpe(small_config(), small_temporal());
  stpe.to(torch::kDouble);
  randomise(stpe);
  std::vector<KeptQueries> window(3);
  auto leaves = parameters_of(stpe);
  const std::int64_t counts[] = {2, 3, 4};
  for (std::size_t f = 0; f < 3; ++f) {
    window[f].query = leaf(torch::randn({counts[f], 8}, torch::kDouble));
    window[f].keypoints = torch::rand({counts[f], 3, 2}, torch::kDouble);
    window[f].keypoint_scores = torch::rand({counts[f], 3}, torch::kDouble);
    window[f].score_logit = torch::randn({counts[f]}, torch::kDouble);
    leaves.emplace_back("queries of frame " + std::to_string(f), window[f].query);
  }
  // Persons of the key frame: seen in both frames, in one, in none.
  const Tensor allowed = torch::tensor({{1, 0, 0, 0, 1, 0}, {0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0}}).to(torch::kBool);
  for (const Tensor& mask : {Tensor(), allowed}) {
    SCOPED_TRACE(mask.defined() ? "instance mask" : "all");
    expect_gradients(
        [&] {
          const StpeOutput output = stpe.forward(window, 1, mask);
          return mixed(output.query) + mixed(output.keypoints);
        },
        leaves);
  }
}

TEST_F(TemporalGradient, OfStdme) {
  for (const int first_level : {0, 1}) {
    SCOPED_TRACE(first_level);
    TemporalConfig temporal = small_temporal();
    temporal.stdme_layers = 2;
    temporal.stdme_first_level = first_level;
    Stdme stdme(small_config(), temporal);
    stdme.to(torch::kDouble);
    randomise(stdme);
    std::vector<Memory> window = {random_memory({{4, 5}, {2, 3}}, torch::kDouble), random_memory({{4, 5}, {2, 3}}, torch::kDouble),
                                  random_memory({{3, 4}, {2, 2}}, torch::kDouble)};
    auto leaves = parameters_of(stdme);
    for (std::size_t f = 0; f < window.size(); ++f) {
      leaves.emplace_back("memory " + std::to_string(f), window[f].tokens.requires_grad_(true));
    }
    expect_gradients([&] { return mixed(stdme.forward(window, 1).tokens); }, leaves);
  }
}

TEST_F(TemporalGradient, OfStpd) {
  Stpd stpd(small_config(), small_temporal());
  stpd.to(torch::kDouble);
  randomise(stpd);
  // A pose is detached before the next layer, which finite differences do not know: the first layer must not move it.
  std::vector<std::pair<std::string, Tensor>> leaves;
  for (const auto& [name, parameter] : parameters_of(stpd)) {
    if (name.rfind("heads.0.keypoints.6.", 0) == 0) {
      const torch::NoGradGuard no_grad;
      parameter.zero_();
    } else {
      leaves.emplace_back(name, parameter);
    }
  }
  Memory memory = random_memory({{4, 5}, {2, 3}}, torch::kDouble);
  memory.tokens.requires_grad_(true);
  const Tensor query = leaf(torch::randn({3, 8}, torch::kDouble)), score = leaf(torch::randn({3}, torch::kDouble));
  const Tensor keypoints = torch::rand({3, 3, 2}, torch::kDouble) * 0.8 + 0.1;
  leaves.insert(leaves.end(), {{"memory", memory.tokens}, {"queries", query}, {"scores", score}});
  expect_gradients(
      [&] {
        Tensor sum = torch::zeros({}, torch::kDouble);
        for (const TemporalLayer& layer : stpd.forward(query, keypoints, score, memory)) {
          sum = sum + mixed(layer.score_logit) + mixed(layer.keypoints);
        }
        return sum;
      },
      leaves);
}

// The heads of a model without STPD, which is also where the poses of a single layer move.
TEST_F(TemporalGradient, OfThePoseHeads) {
  PoseHeads heads(small_config());
  heads.to(torch::kDouble);
  randomise(heads);
  const Tensor query = leaf(torch::randn({3, 8}, torch::kDouble)), score = leaf(torch::randn({3}, torch::kDouble));
  const Tensor keypoints = torch::rand({3, 3, 2}, torch::kDouble) * 0.8 + 0.1;
  auto leaves = parameters_of(heads);
  leaves.insert(leaves.end(), {{"queries", query}, {"scores", score}});
  expect_gradients(
      [&] {
        const TemporalLayer layer = heads.forward(query, keypoints, score);
        return mixed(layer.score_logit) + mixed(layer.keypoints);
      },
      leaves);
}

}  // namespace
}  // namespace vepe::model::temporal_testing
