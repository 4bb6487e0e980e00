#include "model/spatial_model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "model/dense_poses.h"
#include "model/golden_petr.h"
#include "model/model_file.h"

namespace vepe::model {
namespace {

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes()) return 1e30;
  // Files hold 1e30 for infinity, rounded to fp32.
  const torch::Tensor x = a.to(torch::kDouble).clamp(-1e29, 1e29), y = b.to(torch::kDouble).clamp(-1e29, 1e29);
  return (x - y).abs().max().item<double>();
}

struct GoldenPetr : testing::Test {
  std::shared_ptr<SpatialModel> model = golden::petr_model();
  NamedTensors io = read_tensors(golden::petr_path("io.safetensors"));
  torch::Tensor sizes = torch::tensor({{128.f, 160.f}, {112.f, 144.f}});
};

// Stages as the public implementation computes them; tests/data/petr/README.md says where they come from.
TEST_F(GoldenPetr, EveryStageOfTheSpatialPhaseIsWithin1em4) {
  torch::NoGradGuard no_grad;
  Stages stages;
  model->forward(io.at("img"), sizes, &stages);
  int compared = 0;
  for (const auto& [name, expected] : io) {
    if (!stages.count(name) || name == "proposals.topk") continue;
    SCOPED_TRACE(name);
    EXPECT_LE(difference(stages.at(name), expected), 1e-4);
    ++compared;
  }
  EXPECT_EQ(compared, 3 + 4 + 4 + 4 + 1 + 1 + 2 + 1 + 4 + 1 + 9 + 1);
  EXPECT_TRUE(stages.at("proposals.topk").equal(io.at("proposals.topk")));
}

TEST_F(GoldenPetr, JointDecoderAndDetectionsOfEachImageAreWithin1em4) {
  torch::NoGradGuard no_grad;
  for (std::int64_t b = 0; b < 2; ++b) {
    const std::string suffix = ".image" + std::to_string(b);
    Stages stages;
    const SpatialOutput output = model->forward(io.at("img"), sizes);
    // The public test path refines the poses in the order of their scores.
    model->refine(output, io.at("detections" + suffix + ".query_index").unsqueeze(0).expand({2, 20}), &stages);
    EXPECT_LE(difference(stages.at("joint_decoder.input_keypoints")[b], io.at("joint_decoder" + suffix + ".input_keypoints")),
              1e-4);
    for (int layer = 0; layer < 2; ++layer) {
      const std::string name = ".layer" + std::to_string(layer);
      EXPECT_LE(difference(stages.at("joint_decoder" + name + ".query")[b], io.at("joint_decoder" + suffix + name + ".query")),
                1e-4);
      EXPECT_LE(
          difference(stages.at("joint_decoder" + name + ".keypoints")[b], io.at("joint_decoder" + suffix + name + ".keypoints")),
          1e-4);
    }
    const Detections detections = model->detect(output, 20);
    EXPECT_TRUE(detections.query_index[b].equal(io.at("detections" + suffix + ".query_index")));
    EXPECT_LE(difference(detections.scores[b], io.at("detections" + suffix + ".score")), 1e-4);
    const torch::Tensor pixels = detections.keypoints[b] * sizes[b].flip(0);
    EXPECT_LE(difference(pixels, io.at("detections" + suffix + ".keypoints")), 1e-2);  // pixels: 1e-4 of the image
  }
}

// A batch of one image without padding gives what the padded batch gives it, up to what padding does to convolutions:
// none, since the first golden image fills the canvas.
TEST_F(GoldenPetr, AnImageAloneGivesWhatItGivesInABatch) {
  torch::NoGradGuard no_grad;
  const SpatialOutput both = model->forward(io.at("img"), sizes);
  const SpatialOutput alone = model->forward(io.at("img").slice(0, 0, 1), sizes.slice(0, 0, 1));
  EXPECT_FALSE(alone.memory.padding.defined());
  EXPECT_LE(difference(alone.pose_layers.back().keypoints[0], both.pose_layers.back().keypoints[0]), 1e-5);
}

struct GoldenTrunk : testing::Test {
  NamedTensors io = read_tensors(VEPE_SOURCE_DIR "/tests/data/trunk/golden_io.safetensors");
  SmallTrunk trunk;

  void SetUp() override {
    load_state(state_of(trunk), read_tensors(VEPE_SOURCE_DIR "/models/start/movenet_multipose.safetensors"), "trunk");
  }
  torch::Tensor input() const { return io.at("input").to(torch::kFloat) * 0.007843017578125 - 1; }
};

TEST_F(GoldenTrunk, EveryStageIsWithinTheRoundingOfFp32) {
  torch::NoGradGuard no_grad;
  Stages stages;
  trunk.forward(input(), true, &stages);
  int compared = 0;
  for (const auto& [name, expected] : io) {
    if (name == "input" || name == "final" || name == "centre_scores") continue;
    SCOPED_TRACE(name);
    ASSERT_TRUE(stages.count(name));
    EXPECT_LE(difference(stages.at(name), expected), name == "lateral32" ? 2e-3 : 5e-4);
    ++compared;
  }
  EXPECT_EQ(compared, 1 + 17 + 1 + 4 + 3 + 6);
}

TEST_F(GoldenTrunk, PosesOfTheDenseHeadsEqualThePublishedRows) {
  torch::NoGradGuard no_grad;
  const DensePoses poses = decode_dense_heads(trunk.forward(input(), true).dense, 6);
  EXPECT_LE(difference(poses.centre_scores, io.at("centre_scores")), 1e-5);
  const torch::Tensor rows = io.at("final")[0];  // 17 x (y, x, score), ymin, xmin, ymax, xmax, score; in 0..1
  for (std::int64_t person = 0; person < 6; ++person) {
    SCOPED_TRACE(person);
    const torch::Tensor expected = rows[person];
    if (expected[55].item<float>() < 1e-3) continue;  // rows near 0 may swap
    EXPECT_NEAR(poses.scores[0][person].item<float>(), expected[55].item<float>(), 1e-5);
    const torch::Tensor joints = expected.slice(0, 0, 51).view({17, 3});
    const torch::Tensor xy = (poses.keypoints[0][person] - 0.5) / torch::tensor({160.f, 128.f});
    EXPECT_LE(difference(xy.select(1, 0), joints.select(1, 1)), 1e-5);
    EXPECT_LE(difference(xy.select(1, 1), joints.select(1, 0)), 1e-5);
    EXPECT_LE(difference(poses.keypoint_scores[0][person], joints.select(1, 2)), 1e-5);
  }
}

const char* kTinyConfig = R"(
[model]
channels = 32
heads = 4
feed_forward = 64
dropout = 0.0
[input]
mean = [127.502, 127.502, 127.502]
std = [127.502, 127.502, 127.502]
multiple = 32
[backbone]
type = "movenet"
[neck]
inputs = ["p4", "block5", "block12"]
extra_levels = 0
groups = 8
[encoder]
layers = 0
[proposals]
type = "dense"
queries = 7
[pose_decoder]
layers = 2
head_hidden = 32
[joint_decoder]
layers = 1
pose_query = true
keypoint_scores = true
[heatmap]
enabled = false
)";

TEST(SpatialModel, DenseProposalsStartUntrainedQueriesWhereTheHeadsSeePeople) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  SpatialModel model(read_model_config(parse_toml_text(kTinyConfig, "tiny"), "tiny"));
  model.eval();
  const torch::Tensor images = torch::randint(0, 256, {2, 3, 96, 64}).to(torch::kByte);
  const torch::Tensor sizes = torch::tensor({{96.f, 64.f}, {90.f, 50.f}});
  const SpatialOutput output = model.forward(model.normalise(images), sizes);
  ASSERT_EQ(output.pose_layers.size(), 2u);
  // Untrained heads do not move anything: the last layer answers the proposals with their own scores.
  EXPECT_LE(difference(output.pose_layers.back().keypoints, output.proposals.initial_keypoints), 2e-5);
  EXPECT_LE(difference(output.pose_layers.back().score_logit, output.proposals.seed_logit), 1e-6);
  const Detections detections = model.detect(output, 5);
  EXPECT_EQ(detections.keypoints.sizes(), (std::vector<std::int64_t>{2, 5, 17, 2}));
  EXPECT_TRUE(detections.keypoints.isfinite().all().item<bool>());
}

// Untrained heads place a person at the centre of the token that proposes them.
TEST(SpatialModel, OnlyLevelsFromTheFirstProposingOneAreTrainedToPropose) {
  torch::manual_seed(3);
  std::string text = kTinyConfig;
  text.replace(text.find("type = \"dense\""), std::string("type = \"dense\"").size(), "type = \"encoder\"\nfirst_level = 1");
  SpatialModel model(read_model_config(parse_toml_text(text, "tiny"), "tiny"));
  const SpatialOutput output =
      model.forward(model.normalise(torch::randint(0, 256, {1, 3, 64, 64}).to(torch::kByte)), torch::tensor({{64.f, 64.f}}));
  ASSERT_EQ(output.memory.shapes.size(), 3u);  // strides 4, 8, 16
  EXPECT_EQ(output.proposals.score_logit.size(1), 8 * 8 + 4 * 4);
  ASSERT_EQ(output.proposals.keypoints.size(1), 8 * 8 + 4 * 4);
  const torch::Tensor first = output.proposals.keypoints[0].select(1, 0),
                      cells = first.slice(0, 0, 64) * 8 - 0.5;  // [S, 2], stride 8
  EXPECT_LE(difference(cells.slice(0, 0, 8).select(1, 0), torch::arange(8, torch::kFloat)), 1e-4);
  EXPECT_LE(difference(output.proposals.initial_keypoints[0],
                       output.proposals.keypoints[0].index_select(0, output.proposals.top_tokens[0])),
            0);
}

TEST(ModelFile, RoundTripKeepsConfigAndOutputs) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(4);
  SpatialModel model(read_model_config(parse_toml_text(kTinyConfig, "tiny"), "tiny"));
  model.eval();
  const std::string path = testing::TempDir() + "round_trip.safetensors";
  save_model(path, model, nullptr, {{"licence", "Apache-2.0"}}, false);
  const LoadedModel loaded = load_model(path);
  EXPECT_EQ(write_model_config(loaded.model->config()), write_model_config(model.config()));
  EXPECT_EQ(loaded.metadata.at("licence"), "Apache-2.0");
  const torch::Tensor image = torch::randn({1, 3, 64, 64}), sizes = torch::tensor({{64.f, 64.f}});
  EXPECT_TRUE(loaded.model->forward(image, sizes)
                  .pose_layers.back()
                  .keypoints.equal(model.forward(image, sizes).pose_layers.back().keypoints));
}

TEST(ModelFile, SaysWhatDiffersWhenAFileDoesNotFit) {
  SpatialModel model(read_model_config(parse_toml_text(kTinyConfig, "tiny"), "tiny"));
  NamedTensors state = state_of(model);
  state.erase("proposals.content");
  state["extra"] = torch::zeros({1});
  state["neck.convs.0.gn.weight"] = torch::zeros({3});
  try {
    load_state(state_of(model), state, "model.safetensors");
    FAIL() << "a file that does not fit was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    const std::string line = error.what();
    EXPECT_NE(line.find("proposals.content"), std::string::npos) << line;
    EXPECT_NE(line.find("unexpected tensor extra"), std::string::npos) << line;
    EXPECT_NE(line.find("neck.convs.0.gn.weight is [3], want [32]"), std::string::npos) << line;
  }
}

TEST(ModelConfig, RefusesUnknownAndIllTypedKeys) {
  const std::pair<const char*, const char*> cases[] = {
      {"[model]\nchanels = 64", "write channels"},
      {"[model]\nchannels = \"many\"", "is not a whole number"},
      {"[model]\nchannels = 60", "multiple of heads"},
      {"[backbone]\ntype = \"vgg\"", "unknown choice"},
      {"[proposals]\ntype = \"dense\"", "movenet backbone"},
      {"model = 3", "is not a section"},
      {"[neck]\ninputs = [\"p4\"]", "movenet backbone only"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    try {
      read_model_config(parse_toml_text(text, "model.toml"), "model.toml");
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
}

// A change of a module's shapes must come with new weights.
TEST(ShippedModels, FitTheCode) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VEPE_SOURCE_DIR "/models")) {
    if (entry.path().extension() != ".safetensors") continue;
    const LoadedModel model = load_model(entry.path());
    EXPECT_EQ(model.temporal != nullptr, entry.path().stem().string().ends_with("-temporal")) << entry.path();
    ++found;
  }
  EXPECT_EQ(found, 2);
}

}  // namespace
}  // namespace vepe::model
