// The whole spatial phase against the public implementation: 16 loss terms and the gradients of their sum with respect to 20
// parameters from the backbone to the last head (tests/data/petr).

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loss/criterion.h"
#include "model/golden_petr.h"

namespace vepe::loss {
namespace {

Targets golden_targets(const nlohmann::json& truth, double width, double height) {
  Targets targets;
  targets.width = width;
  targets.height = height;
  const auto people = static_cast<std::int64_t>(truth["area"].size());
  targets.keypoints = torch::zeros({people, 17, 2});
  targets.visible = torch::zeros({people, 17}, torch::kBool);
  targets.area = torch::zeros({people});
  targets.boxes = torch::zeros({people, 4});
  targets.track_id = torch::full({people}, -1, torch::kLong);
  targets.ignore_boxes = torch::zeros({0, 4});
  for (std::int64_t g = 0; g < people; ++g) {
    targets.area[g] = truth["area"][static_cast<std::size_t>(g)].get<double>();
    for (std::int64_t i = 0; i < 4; ++i)
      targets.boxes[g][i] = truth["box_xyxy"][static_cast<std::size_t>(g)][static_cast<std::size_t>(i)].get<double>();
    for (std::int64_t k = 0; k < 17; ++k) {
      const auto& point = truth["keypoints"][static_cast<std::size_t>(g)][static_cast<std::size_t>(k)];
      if (point[2].get<double>() <= 0) continue;
      targets.keypoints[g][k][0] = point[0].get<double>() / width;
      targets.keypoints[g][k][1] = point[1].get<double>() / height;
      targets.visible[g][k] = true;
    }
  }
  return targets;
}

struct PetrGolden : ::testing::Test {
  nlohmann::json golden;
  std::shared_ptr<model::SpatialModel> model = model::golden::petr_model();
  LossTerms terms;

  void SetUp() override {
    std::ifstream file(model::golden::petr_path("loss.json"));
    golden = nlohmann::json::parse(file);
    const auto io = model::read_tensors(model::golden::petr_path("io.safetensors"));
    const torch::Tensor sizes = torch::tensor({{128.f, 160.f}, {112.f, 144.f}});
    model->train();  // the config has no dropout; batch norms are frozen
    CriterionConfig config;
    config.sigmas = {.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089};
    const auto output = model->forward(io.at("img"), sizes);
    const std::vector<Targets> targets = {golden_targets(golden["ground_truth"][0], 160, 128),
                                          golden_targets(golden["ground_truth"][1], 144, 112)};
    terms = Criterion(config)(output, targets, [&](const Tensor& query_index) {
      std::vector<Tensor> keypoints;
      for (const auto& layer : model->refine(output, query_index)) keypoints.push_back(layer.keypoints);
      return keypoints;
    });
  }
};

TEST_F(PetrGolden, SixteenLossTermsAreWithin1em4Relative) {
  std::map<std::string, double> ours;
  for (const auto& [name, value] : terms.terms) ours[name] = value.item<double>();
  EXPECT_EQ(ours.size(), 16u);
  for (const auto& [name, value] : golden["losses"].items()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(ours.count(name));
    EXPECT_NEAR(ours.at(name) / value.get<double>(), 1, 1e-4);
  }
  EXPECT_NEAR(terms.total.item<double>() / golden["total"].get<double>(), 1, 1e-4);
}

TEST_F(PetrGolden, GradientsOfTwentyParametersAreWithin1em3OfTheLargestValue) {
  terms.total.backward();
  const auto gradients = model::read_tensors(model::golden::petr_path("grads.safetensors"));
  std::size_t compared = 0;
  for (const auto& item : model->named_parameters()) {
    const bool shared = item.key().starts_with("backbone.") || item.key().starts_with("neck.");
    const auto found = gradients.find(shared ? item.key() : model::golden::public_name(item.key()));
    if (found == gradients.end()) continue;
    SCOPED_TRACE(item.key());
    ASSERT_TRUE(item.value().grad().defined());
    const double largest = found->second.abs().max().item<double>();
    EXPECT_LE((item.value().grad() - found->second).abs().max().item<double>() / largest, 1e-3);
    ++compared;
  }
  EXPECT_EQ(compared, 20u);
}

}  // namespace
}  // namespace vepe::loss
