#include "loss/criterion.h"

#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "loss/test_support.h"

namespace vepe::loss {
namespace {

using testing::golden;
using testing::tensor;
using testing::value;

nlohmann::json golden_losses() {
  std::ifstream file(std::string(VEPE_SOURCE_DIR) + "/tests/data/loss/petr_loss.json");
  return nlohmann::json::parse(file);
}

std::vector<Targets> golden_targets(const nlohmann::json& losses) {
  const double sizes[2][2] = {{160, 128}, {144, 112}};
  std::vector<Targets> targets;
  for (const auto& image : losses.at("ground_truth")) {
    const auto persons = static_cast<std::int64_t>(image.at("keypoints").size());
    Targets one;
    one.width = sizes[targets.size()][0];
    one.height = sizes[targets.size()][1];
    one.keypoints = torch::zeros({persons, 17, 2});
    one.visible = torch::zeros({persons, 17}, torch::kBool);
    one.boxes = torch::zeros({persons, 4});
    one.area = torch::tensor(image.at("area").get<std::vector<float>>());
    for (std::int64_t g = 0; g < persons; ++g) {
      for (std::int64_t k = 0; k < 17; ++k) {
        const auto& point = image.at("keypoints")[static_cast<std::size_t>(g)][static_cast<std::size_t>(k)];
        one.keypoints[g][k][0] = point[0].get<double>() / one.width;
        one.keypoints[g][k][1] = point[1].get<double>() / one.height;
        one.visible[g][k] = point[2].get<double>() > 0;
      }
      one.boxes[g] = torch::tensor(image.at("box_xyxy")[static_cast<std::size_t>(g)].get<std::vector<float>>());
    }
    targets.push_back(one);
  }
  return targets;
}

model::SpatialOutput golden_output(const SafetensorsFile& file) {
  model::SpatialOutput out;
  out.proposals.score_logit = tensor(file, "proposals.score_logit").squeeze(2);
  out.proposals.keypoints = tensor(file, "proposals.keypoints").view({2, 426, 17, 2});
  for (int d = 0; d < 3; ++d) {
    const std::string name = "pose_decoder.layer" + std::to_string(d);
    out.pose_layers.push_back(
        {{}, tensor(file, name + ".score_logit").squeeze(2), tensor(file, name + ".keypoints").view({2, 20, 17, 2})});
  }
  out.heatmap_logit = tensor(file, "heatmap.logit");
  const Tensor padding = tensor(file, "mask.level0").view({2, 320}).to(torch::kBool);
  out.memory.padding = torch::cat({padding, torch::zeros({2, 106}, torch::kBool)}, 1);
  return out;
}

// The stored joint-decoder outputs are those of all queries in the order of their scores.
RefineFunction golden_refine(const SafetensorsFile& file) {
  return [&file](const Tensor& query_index) {
    std::vector<Tensor> layers;
    for (int d = 0; d < 2; ++d) {
      std::vector<Tensor> images;
      for (int b = 0; b < 2; ++b) {
        const std::string image = "image" + std::to_string(b);
        const Tensor row_of_query = tensor(file, "detections." + image + ".query_index").argsort();
        const Tensor rows = tensor(file, "joint_decoder." + image + ".layer" + std::to_string(d) + ".keypoints");
        images.push_back(rows.index_select(0, row_of_query.index_select(0, query_index[b])));
      }
      layers.push_back(torch::stack(images));
    }
    return layers;
  };
}

CriterionConfig coco_config() {
  CriterionConfig config;
  config.sigmas = testing::coco_sigmas();
  return config;
}

TEST(Criterion, AllSixteenTermsAgreeWithTheReference) {
  const SafetensorsFile file = golden("petr_outputs.safetensors");
  const auto losses = golden_losses();
  const LossTerms got = Criterion(coco_config())(golden_output(file), golden_targets(losses), golden_refine(file));
  EXPECT_EQ(got.terms.size(), 16U);
  for (const auto& [name, term] : got.terms) {
    ASSERT_TRUE(losses.at("losses").contains(name)) << name;
    const double want = losses.at("losses").at(name).get<double>();
    EXPECT_NEAR(value(term), want, 1e-5 * want) << name;
  }
  EXPECT_NEAR(value(got.total), losses.at("total").get<double>(), 1e-3);
}

TEST(Criterion, AssignmentsAgreeWithTheReference) {
  const SafetensorsFile file = golden("petr_outputs.safetensors");
  const auto losses = golden_losses();
  const auto targets = golden_targets(losses);
  const model::SpatialOutput out = golden_output(file);
  for (int d = 0; d < 3; ++d) {
    const model::PoseLayer& layer = out.pose_layers[static_cast<std::size_t>(d)];
    const auto matches = match(layer.score_logit, layer.keypoints, targets, testing::coco_sigmas());
    for (std::size_t b = 0; b < 2; ++b) {
      Tensor assigned = torch::zeros({20}, torch::kLong);
      assigned.index_put_({matches[b].query}, matches[b].person + 1);
      const std::string name = "pose_decoder.layer" + std::to_string(d) + ".image" + std::to_string(b);
      const auto want = losses.at("assignment_gt_index_plus_1_per_query").at(name).get<std::vector<std::int64_t>>();
      EXPECT_TRUE(torch::equal(assigned, torch::tensor(want))) << name;
    }
  }
  const auto tokens = match(out.proposals.score_logit, out.proposals.keypoints, targets, testing::coco_sigmas());
  for (std::size_t b = 0; b < 2; ++b) {
    std::map<std::int64_t, std::int64_t> pairs, want;
    for (std::int64_t m = 0; m < tokens[b].query.size(0); ++m) {
      pairs[tokens[b].query[m].item<std::int64_t>()] = tokens[b].person[m].item<std::int64_t>() + 1;
    }
    for (const auto& pair : losses.at("assignment_proposals_positive").at("proposals.image" + std::to_string(b))) {
      want[pair[0].get<std::int64_t>()] = pair[1].get<std::int64_t>();
    }
    EXPECT_EQ(pairs, want);
  }
}

TEST(Criterion, LastLayerCostsAgreeWithTheReference) {
  const SafetensorsFile file = golden("petr_outputs.safetensors");
  const auto losses = golden_losses();
  const model::PoseLayer layer = golden_output(file).pose_layers.back();
  const GroundTruth truth = pack_ground_truth(golden_targets(losses), 17, layer.keypoints);
  const Tensor sigmas = torch::tensor(testing::coco_sigmas(), torch::kFloat);
  for (std::int64_t b = 0; b < 2; ++b) {
    const MatchCosts costs = match_costs(layer.score_logit[b], layer.keypoints[b], truth, b, sigmas, {});
    const auto expect = [&](const Tensor& got, const char* name) {
      const auto rows =
          losses.at("costs_last_layer").at("image" + std::to_string(b)).at(name).get<std::vector<std::vector<float>>>();
      for (std::size_t n = 0; n < rows.size(); ++n) {
        EXPECT_TRUE(torch::allclose(got[static_cast<std::int64_t>(n)], torch::tensor(rows[n]), 1e-4, 1e-6)) << name << " " << n;
      }
    };
    expect(costs.score, "cls");
    expect(costs.keypoints, "keypoint_l1");
    expect(costs.oks, "oks");
  }
}

TEST(Criterion, HeatmapTargetIsExact) {
  const SafetensorsFile file = golden("petr_outputs.safetensors");
  const Tensor target = heatmap_target(golden_targets(golden_losses()), 17, 16, 20, {});
  EXPECT_LE(value((target - tensor(file, "heatmap.target")).abs().max()), 1e-7);
}

// A random model output whose tensors are leaves: a small crowd in `keypoint_count` joints.
struct RandomCase {
  static constexpr std::int64_t kKeypoints = 4;
  model::SpatialOutput out;
  std::vector<Tensor> leaves;
  Tensor refined;

  explicit RandomCase(std::int64_t images, at::ScalarType type = at::kFloat) {
    const auto leaf = [&](Tensor values) {
      leaves.push_back(values.to(type).requires_grad_(true));
      return leaves.back();
    };
    out.proposals.score_logit = leaf(torch::randn({images, 30}));
    out.proposals.keypoints = leaf(torch::rand({images, 30, kKeypoints, 2}));
    for (int d = 0; d < 2; ++d) {
      const Tensor score = leaf(torch::randn({images, 7}));
      out.pose_layers.push_back({{}, score, leaf(torch::rand({images, 7, kKeypoints, 2}))});
    }
    out.heatmap_logit = leaf(torch::randn({images, kKeypoints, 16, 20}));
    refined = leaf(torch::rand({images, 7, kKeypoints, 2}));
  }

  RefineFunction refine() const {
    return [this](const Tensor& query_index) {
      const Tensor index = query_index.unsqueeze(2).unsqueeze(3).expand({-1, -1, kKeypoints, 2});
      return std::vector<Tensor>{refined.gather(1, index)};
    };
  }
  static CriterionConfig config() {
    CriterionConfig config;
    config.sigmas = std::vector<double>(kKeypoints, 0.4);
    return config;
  }
};

std::map<std::string, double> values_of(const LossTerms& terms) {
  std::map<std::string, double> values;
  for (const auto& [name, term] : terms.terms) values[name] = value(term);
  return values;
}

TEST(Criterion, AnEmptyBatchPaysTheClassLossAndKeepsTheGraph) {
  torch::manual_seed(11);
  for (const std::int64_t images : {1, 3}) {
    const RandomCase random(images);
    std::vector<Targets> targets(static_cast<std::size_t>(images), testing::random_targets(0, RandomCase::kKeypoints));
    targets[0] = {.width = 160, .height = 128};  // no tensor at all
    const LossTerms got = Criterion(RandomCase::config())(random.out, targets, [&](const Tensor& query_index) {
      EXPECT_EQ(query_index.size(1), 1);  // one pose all the same, for modules that cannot take none
      return random.refine()(query_index);
    });
    for (const auto& [name, of_term] : values_of(got)) {
      const bool punished = name.ends_with("loss_cls") || name == "loss_hm";
      EXPECT_EQ(of_term > 0, punished) << name << " = " << of_term;
    }
    got.total.backward();
    for (const Tensor& leaf : random.leaves) {
      ASSERT_TRUE(leaf.grad().defined());
      EXPECT_TRUE(leaf.grad().isfinite().all().item<bool>());
    }
  }
}

TEST(Criterion, AnImageWithoutPersonsAmongOthers) {
  torch::manual_seed(12);
  const RandomCase random(2);
  const std::vector<Targets> targets{testing::random_targets(3, RandomCase::kKeypoints),
                                     testing::random_targets(0, RandomCase::kKeypoints)};
  const LossTerms got = Criterion(RandomCase::config())(random.out, targets, random.refine());
  got.total.backward();
  for (const Tensor& leaf : random.leaves) EXPECT_TRUE(leaf.grad().isfinite().all().item<bool>());
  EXPECT_GT(value(random.out.pose_layers[1].score_logit.grad()[1].abs().min()), 0);
  EXPECT_EQ(value(random.out.pose_layers[1].keypoints.grad()[1].abs().max()), 0);
  EXPECT_GT(value(random.refined.grad()[0].abs().max()), 0);
  EXPECT_EQ(value(random.refined.grad()[1].abs().max()), 0);
}

TEST(Criterion, TheOrderOfPersonsDoesNotMatter) {
  torch::manual_seed(13);
  const RandomCase random(2);
  std::vector<Targets> targets{testing::random_targets(4, RandomCase::kKeypoints),
                               testing::random_targets(2, RandomCase::kKeypoints)};
  const auto before = values_of(Criterion(RandomCase::config())(random.out, targets, random.refine()));
  const Tensor order = torch::tensor({2, 0, 3, 1});
  for (Tensor* values : {&targets[0].keypoints, &targets[0].visible, &targets[0].area, &targets[0].boxes, &targets[0].track_id}) {
    *values = values->index_select(0, order);
  }
  const auto after = values_of(Criterion(RandomCase::config())(random.out, targets, random.refine()));
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, want] : before) EXPECT_NEAR(after.at(name), want, 1e-5 * std::abs(want)) << name;
}

TEST(Criterion, GradientOfTheWholeLossIsTheSlope) {
  torch::manual_seed(14);
  const std::vector<Targets> targets{testing::random_targets(2, RandomCase::kKeypoints),
                                     testing::random_targets(1, RandomCase::kKeypoints)};
  RandomCase random(2, at::kDouble);
  for (const std::string class_loss : {"focal", "quality"}) {
    CriterionConfig config = RandomCase::config();
    config.class_loss = class_loss;
    const Criterion criterion(config);
    // The label of "quality" is a constant for the gradient but not for the slope: only the scores are moved there.
    testing::expect_gradient(
        [&](const Tensor& moved) {
          model::SpatialOutput out = random.out;
          out.pose_layers[1].score_logit = moved;
          return criterion(out, targets, random.refine()).total;
        },
        random.out.pose_layers[1].score_logit.detach(), 1e-5);
  }
  const Criterion criterion(RandomCase::config());
  testing::expect_gradient(
      [&](const Tensor& moved) {
        model::SpatialOutput out = random.out;
        out.pose_layers[0].keypoints = moved;
        return criterion(out, targets, random.refine()).total;
      },
      random.out.pose_layers[0].keypoints.detach(), 1e-5);
}

TEST(Criterion, QualityLabelIsTheOksOfTheMatchedPose) {
  torch::manual_seed(15);
  RandomCase random(1);
  const std::vector<Targets> targets{testing::random_targets(1, RandomCase::kKeypoints)};
  CriterionConfig config = RandomCase::config();
  config.class_loss = "quality";
  config.gamma = 0;
  model::SpatialOutput out = random.out;
  out.proposals = {};
  out.heatmap_logit = Tensor();
  // Query 3 is perfect and everything else far away: label 1 there, 0 elsewhere, cross-entropy ln 2 each at logit 0.
  out.pose_layers = {{{}, torch::zeros({1, 7}), torch::full({1, 7, 4, 2}, 5.0)}};
  out.pose_layers[0].keypoints[0][3] = targets[0].keypoints[0];
  out.pose_layers[0].score_logit[0][3] = 2;
  const auto perfect = values_of(Criterion(config)(out, targets, {}));
  EXPECT_NEAR(perfect.at("loss_cls"), 2 * (6 * std::log(2) + std::log1p(std::exp(-2))), 1e-5);
  // An empty pose is still matched, but its label falls to its OKS of 0: -log(1 - sigmoid(2)).
  out.pose_layers[0].keypoints[0][3].fill_(4.9);
  const auto wrong = values_of(Criterion(config)(out, targets, {}));
  EXPECT_NEAR(wrong.at("loss_cls"), 2 * (6 * std::log(2) + std::log1p(std::exp(2))), 1e-5);
}

TEST(Criterion, AuxiliaryOffKeepsOnlyTheLastLayers) {
  torch::manual_seed(16);
  const RandomCase random(1);
  CriterionConfig config = RandomCase::config();
  config.auxiliary = false;
  const std::vector<Targets> targets{testing::random_targets(2, RandomCase::kKeypoints)};
  const RefineFunction twice = [&](const Tensor& query_index) {
    std::vector<Tensor> layers = random.refine()(query_index);
    layers.push_back(layers[0]);
    return layers;
  };
  const LossTerms got = Criterion(config)(random.out, targets, twice);
  std::vector<std::string> names;
  for (const auto& [name, term] : got.terms) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"enc_loss_cls", "enc_loss_kpt", "loss_cls", "loss_kpt", "loss_oks", "loss_hm",
                                             "d1.loss_kpt_refine", "d1.loss_oks_refine"}));
}

TEST(Criterion, RefineIsAskedForTheMatchedQueriesPaddedWithZero) {
  torch::manual_seed(17);
  const RandomCase random(2);
  const std::vector<Targets> targets{testing::random_targets(3, RandomCase::kKeypoints),
                                     testing::random_targets(1, RandomCase::kKeypoints)};
  Tensor asked;
  const LossTerms got = Criterion(RandomCase::config())(random.out, targets, [&](const Tensor& query_index) {
    asked = query_index;
    return random.refine()(query_index);
  });
  EXPECT_TRUE(torch::equal(asked[0], got.matches[0].query));
  EXPECT_TRUE(torch::equal(asked[1].slice(0, 0, 1), got.matches[1].query));
  EXPECT_EQ(value(asked[1].slice(0, 1).abs().sum()), 0);
}

TEST(Criterion, NormalisersAreAveragedOverProcesses) {
  torch::manual_seed(18);
  const RandomCase random(1);
  const std::vector<Targets> targets{testing::random_targets(2, RandomCase::kKeypoints)};
  const auto alone = values_of(Criterion(RandomCase::config())(random.out, targets, random.refine()));
  const auto shared =
      values_of(Criterion(RandomCase::config(), [](double n) { return 4 * n; })(random.out, targets, random.refine()));
  for (const auto& [name, want] : alone) EXPECT_NEAR(shared.at(name), want / 4, 1e-5 * want) << name;
}

// Class loss of one image with four queries at logit 0 and nobody in it: each punished query costs 2 * 0.1875 ln 2.
double punished_queries(const Targets& image, const std::string& bystanders) {
  model::SpatialOutput out;
  Tensor keypoints = torch::zeros({1, 4, 4, 2});
  const auto place = [&](std::int64_t query, double x0, double x1) {  // boxes of 20 rows, x in pixels
    keypoints[0][query] = torch::tensor({{x0 / 100, 0.2}, {x1 / 100, 0.2}, {x0 / 100, 0.4}, {x1 / 100, 0.4}}, torch::kFloat);
  };
  place(0, 10, 20);  // inside
  place(1, 25, 41);  // 5 of 16 columns inside
  place(2, 25, 34);  // 5 of 9 columns inside
  place(3, 15, 15);  // all keypoints in one column, inside
  out.pose_layers.push_back({{}, torch::zeros({1, 4}), keypoints});
  CriterionConfig config = RandomCase::config();
  config.bystanders = bystanders;
  return value(Criterion(config)(out, {image}, {}).terms.at(0).second) / (2 * 0.1875 * std::log(2));
}

TEST(Criterion, QueriesInIgnoreBoxesAreNotPunished) {
  Targets image = testing::random_targets(0, 4, 100, 100);
  EXPECT_NEAR(punished_queries(image, "targets"), 4, 1e-5);
  image.ignore_boxes = torch::tensor({{0.0F, 0.0F, 30.0F, 100.0F}, {90.0F, 90.0F, 95.0F, 95.0F}});
  EXPECT_NEAR(punished_queries(image, "targets"), 1, 1e-5);
  EXPECT_NEAR(punished_queries(image, "background"), 4, 1e-5);
  EXPECT_NEAR(punished_queries(image, "unlabelled"), 0, 1e-5);
}

TEST(Criterion, UnlabelledBystandersFreeAllBackgroundButNotTheMatched) {
  torch::manual_seed(19);
  Targets image = testing::random_targets(1, 4, 100, 100);
  image.unlabelled_bystanders = true;
  // Only the matched query pays: 0.0625 ln 2 in units of 0.1875 ln 2.
  EXPECT_NEAR(punished_queries(image, "targets"), 1.0 / 3, 1e-5);
  EXPECT_NEAR(punished_queries(image, "background"), 3 + 1.0 / 3, 1e-5);
  // Being in an ignore box does not free a matched query.
  image.unlabelled_bystanders = false;
  image.ignore_boxes = torch::tensor({{0.0F, 0.0F, 100.0F, 100.0F}});
  EXPECT_NEAR(punished_queries(image, "targets"), 1.0 / 3, 1e-5);
}

TEST(Criterion, ReducedPrecisionIsComputedInFloat) {
  torch::manual_seed(20);
  const RandomCase random(2, at::kBFloat16);
  const std::vector<Targets> targets{testing::random_targets(3, RandomCase::kKeypoints),
                                     testing::random_targets(0, RandomCase::kKeypoints)};
  const LossTerms got = Criterion(RandomCase::config())(random.out, targets, random.refine());
  EXPECT_EQ(got.total.scalar_type(), at::kFloat);
  RandomCase wide = random;
  for (model::PoseLayer& layer : wide.out.pose_layers) {
    layer.score_logit = layer.score_logit.to(at::kFloat);
    layer.keypoints = layer.keypoints.to(at::kFloat);
  }
  wide.out.proposals.score_logit = wide.out.proposals.score_logit.to(at::kFloat);
  wide.out.proposals.keypoints = wide.out.proposals.keypoints.to(at::kFloat);
  wide.out.heatmap_logit = wide.out.heatmap_logit.to(at::kFloat);
  wide.refined = wide.refined.to(at::kFloat);
  const LossTerms want = Criterion(RandomCase::config())(wide.out, targets, wide.refine());
  EXPECT_NEAR(value(got.total), value(want.total), 1e-5 * value(want.total));
}

TEST(Criterion, RefusesConfigsThatMakeNoSense) {
  CriterionConfig config;
  EXPECT_THROW(Criterion{config}, Error);  // no sigmas
  config = RandomCase::config();
  config.class_loss = "hinge";
  EXPECT_THROW(Criterion{config}, Error);
  config = RandomCase::config();
  config.bystanders = "nobody";
  EXPECT_THROW(Criterion{config}, Error);
  const RandomCase random(2);
  EXPECT_THROW(Criterion(RandomCase::config())(random.out, {testing::random_targets(1, 4)}, {}), Error);  // one image of two
}

TEST(CriterionConfig, IsReadFromARecipe) {
  const toml::table recipe = parse_toml_text(R"(
    class_loss = "quality"
    keypoint_weight = 35.0
    bystanders = "unlabelled"
    auxiliary = false
    [matcher]
    oks_weight = 9
    [heatmap]
    max_radius = 5
    [dense]
    enabled = true
    center = "torso"
  )",
                                             "recipe");
  CriterionConfig config;
  TableReader reader(recipe, "recipe: loss");
  read_criterion_config(reader, config);
  EXPECT_EQ(config.class_loss, "quality");
  EXPECT_EQ(config.keypoint_weight, 35);
  EXPECT_EQ(config.bystanders, "unlabelled");
  EXPECT_FALSE(config.auxiliary);
  EXPECT_EQ(config.matcher.oks_weight, 9);
  EXPECT_EQ(config.heatmap.max_radius, 5);
  EXPECT_TRUE(config.dense.enabled);
  EXPECT_EQ(config.dense.center, "torso");
  const toml::table wrong = parse_toml_text("[dense]\nofset_radius = 2", "recipe");
  TableReader wrong_reader(wrong, "recipe: loss");
  EXPECT_THROW(read_criterion_config(wrong_reader, config), Error);
}

}  // namespace
}  // namespace vepe::loss
