// What the temporal phase promises: rules of mask, window and selection by hand, switches, empty frames, symmetries.

#include <cmath>

#include "core/error.h"
#include "model/pose_query_selection.h"
#include "model/spatial_model.h"
#include "model/temporal_test_support.h"

namespace vepe::model::temporal_testing {
namespace {

struct Temporal : ::testing::Test {
  void SetUp() override { torch::manual_seed(5); }
};

std::vector<FrameFeatures> random_window(torch::ScalarType type = torch::kFloat) {
  return {random_frame({1, 2}, type), random_frame({0, 3, 5}, type), random_frame({0, 1, 4, 5}, type)};
}

TEST_F(Temporal, WindowsAreClampedAtTheEndsOfAVideo) {
  using Frames = std::vector<std::int64_t>;
  TemporalConfig config;
  EXPECT_EQ(window_frames(config, 2, 5), (Frames{1, 2, 3}));
  EXPECT_EQ(window_frames(config, 0, 5), (Frames{0, 0, 1}));
  EXPECT_EQ(window_frames(config, 4, 5), (Frames{3, 4, 4}));
  EXPECT_EQ(window_frames(config, 0, 1), (Frames{0, 0, 0}));
  EXPECT_EQ(config.key_position(), 1);
  config.window = "causal";
  EXPECT_EQ(window_frames(config, 0, 5), (Frames{0, 0, 0}));
  EXPECT_EQ(window_frames(config, 1, 5), (Frames{0, 0, 1}));
  EXPECT_EQ(window_frames(config, 4, 5), (Frames{2, 3, 4}));
  EXPECT_EQ(config.key_position(), 2);
  config.window = "centered";
  config.frames = 5;
  EXPECT_EQ(window_frames(config, 1, 3), (Frames{0, 0, 1, 2, 2}));
  EXPECT_THROW(window_frames(config, 3, 3), Error);
  EXPECT_THROW(window_frames(config, 0, 0), Error);
}

TEST_F(Temporal, ConfigReadsBackEqualAndRefusesWhatCannotBe) {
  const auto read = [](const std::string& text) {
    const toml::table document = parse_toml_text(text, "model.toml");
    TableReader table(document, "model.toml: temporal");
    return read_temporal_config(table, 3);
  };
  EXPECT_EQ(read(""), TemporalConfig());
  TemporalConfig config;
  config.enabled = true;
  config.frames = 5;
  config.window = "causal";
  config.pqs_threshold = 0.2;
  config.mask_threshold = 0.4;
  config.stpe = config.icm = config.stdme = config.stpd = false;
  config.instance_layers = config.stpe_layers = config.stdme_layers = config.stpd_layers = 4;
  config.points = 3;
  config.stdme_first_level = 2;
  std::ostringstream text;
  text << write_temporal_config(config);
  EXPECT_EQ(read(text.str()), config);
  for (const char* bad : {"frames = 2", "window = \"both\"", "stdme_first_level = 3", "stp = true", "pqs_threshold = 1.5"}) {
    EXPECT_THROW(read(bad), Error) << bad;
  }
}

TEST_F(Temporal, ModelConfigCarriesTheSectionOnlyWhereItSaysSomething) {
  const auto read = [](const std::string& text) { return read_model_config(parse_toml_text(text, "model.toml"), "model.toml"); };
  const ModelConfig spatial = read("");
  EXPECT_FALSE(spatial.temporal.enabled);
  EXPECT_EQ(write_model_config(spatial).find("temporal"), std::string::npos);
  const ModelConfig config = read("[temporal]\nenabled = true\nicm = false\nstdme_first_level = 3");
  EXPECT_TRUE(config.temporal.enabled && !config.temporal.icm);
  EXPECT_EQ(read(write_model_config(config)).temporal, config.temporal);
  EXPECT_THROW(read("[temporal]\nstdme_first_level = 4"), Error);  // four levels
}

TEST_F(Temporal, SelectionKeepsGoodAndMatchedQueries) {
  FrameFeatures frame = random_frame({});
  const Tensor scores = torch::tensor({0.7, 0.2, 0.5, 0.01, 0.499, 0.4}, torch::kDouble);
  frame.score_logit = (scores / (1 - scores)).log();  // of 0.5 exactly 0
  const KeptQueries kept = select_pose_queries(frame, 0.5);
  EXPECT_TRUE(kept.index.equal(torch::tensor({0, 2})));
  EXPECT_TRUE(kept.query.equal(frame.query.index_select(0, kept.index)));
  EXPECT_TRUE(kept.keypoints.equal(frame.keypoints.index_select(0, kept.index)));
  EXPECT_TRUE(kept.embedding.equal(frame.embedding.index_select(0, kept.index)));
  frame.matched = torch::tensor({0, 0, 1, 1, 0, 0}).to(torch::kBool);
  frame.track_id = torch::tensor({-1, -1, 7, 9, -1, -1});
  const KeptQueries training = select_pose_queries(frame, 0.5);
  EXPECT_TRUE(training.index.equal(torch::tensor({0, 2, 3})));
  EXPECT_TRUE(training.track_id.equal(torch::tensor({-1, 7, 9})));
  frame.matched = Tensor();
  EXPECT_EQ(select_pose_queries(frame, 0.99).count(), 0);
}

Tensor at_angles(const std::vector<double>& degrees) {
  Tensor rows = torch::empty({static_cast<std::int64_t>(degrees.size()), 2});
  for (std::size_t i = 0; i < degrees.size(); ++i) {
    rows[static_cast<std::int64_t>(i)][0] = std::cos(degrees[i] * M_PI / 180);
    rows[static_cast<std::int64_t>(i)][1] = std::sin(degrees[i] * M_PI / 180);
  }
  return rows;
}

TEST_F(Temporal, InstanceMaskAllowsTheMostSimilarIfItIsSimilarEnough) {
  // Nearest to 0 degrees: 20. To 100: 140, 40 away. To 200: 140, 60 away, where the cosine is the limit of 0.5. 210 has none.
  const Tensor key = at_angles({0, 100, 200.1, 199.9, 210}), reference = at_angles({20, 50, 140});
  const Tensor want = torch::tensor({{1, 0, 0}, {0, 0, 1}, {0, 0, 0}, {0, 0, 1}, {0, 0, 0}}).to(torch::kBool);
  EXPECT_TRUE(instance_mask(key, reference, 0.5).equal(want));
  EXPECT_EQ(instance_mask(key, reference, -1).sum().item<int>(), 5);  // never more than one
  EXPECT_EQ(instance_mask(key, reference.slice(0, 0, 0), 0.5).sizes(), (std::vector<std::int64_t>{5, 0}));
  EXPECT_EQ(instance_mask(key.slice(0, 0, 0), reference, 0.5).sizes(), (std::vector<std::int64_t>{0, 3}));
}

TEST_F(Temporal, TrackMaskPairsEqualIds) {
  const Tensor want = torch::tensor({{0, 1, 0}, {0, 0, 0}, {0, 0, 0}}).to(torch::kBool);
  EXPECT_TRUE(track_mask(torch::tensor({4, -1, 6}), torch::tensor({-1, 4, 5})).equal(want));
}

TEST_F(Temporal, APersonWhoMaySeeNobodyGetsNothingFromOtherFrames) {
  Stpe stpe(small_config(), small_temporal());
  randomise(stpe);
  std::vector<KeptQueries> window;
  for (const FrameFeatures& frame : random_window()) window.push_back(select_pose_queries(frame, 0.3));
  for (KeptQueries& frame : window) frame.query = frame.query.clone().requires_grad_(true);
  const Tensor allowed = torch::zeros({3, 6}, torch::kBool);
  allowed[0][2] = true;
  const StpeOutput encoded = stpe.forward(window, 1, allowed);
  const Tensor seen = encoded.query;
  std::vector<KeptQueries> alone = window;
  for (const std::size_t f : {0, 2}) {
    alone[f].query = window[f].query.slice(0, 0, 0);
    alone[f].keypoints = window[f].keypoints.slice(0, 0, 0);
    alone[f].score_logit = window[f].score_logit.slice(0, 0, 0);
    alone[f].keypoint_scores = window[f].keypoint_scores.slice(0, 0, 0);
  }
  const Tensor lonely = stpe.forward(alone, 1, {}).query;
  EXPECT_TRUE(seen.slice(0, 1).equal(lonely.slice(0, 1)));  // exactly 0 was added
  EXPECT_GT(largest_difference(seen[0], lonely[0]), 1e-3);

  EXPECT_TRUE(encoded.keypoints.slice(0, 1).equal(window[1].keypoints.slice(0, 1)));
  (mixed(seen.slice(0, 1)) + mixed(encoded.keypoints.slice(0, 1))).backward();
  for (const auto& [name, parameter] : parameters_of(stpe)) {
    EXPECT_TRUE(parameter.grad().defined() && parameter.grad().isfinite().all().item<bool>()) << name;
  }
  for (const std::size_t f : {0, 2}) EXPECT_EQ(window[f].query.grad().abs().sum().item<double>(), 0);
  EXPECT_TRUE(window[1].query.grad().isfinite().all().item<bool>());
  EXPECT_GT(window[1].query.grad().abs().sum().item<double>(), 0);
}

// With one reference allowed its attention is 1 whatever its key says, so this tells whether values know of poses.
TEST_F(Temporal, StpeSeesWhereTheSamePersonIsInAReferenceFrame) {
  Stpe stpe(small_config(), small_temporal());
  randomise(stpe);
  std::vector<KeptQueries> window;
  for (const FrameFeatures& frame : random_window()) window.push_back(select_pose_queries(frame, 0.3));
  const Tensor allowed = torch::zeros({3, 6}, torch::kBool);
  allowed[0][2] = true;
  const StpeOutput before = stpe.forward(window, 1, allowed);
  window[2].keypoints = window[2].keypoints.clone();
  window[2].keypoints[0] += 0.05;  // the one whom person 0, and nobody else, may see
  const StpeOutput after = stpe.forward(window, 1, allowed);
  EXPECT_GT(largest_difference(before.query[0], after.query[0]), 1e-3);
  EXPECT_TRUE(before.query.slice(0, 1).equal(after.query.slice(0, 1)));
  EXPECT_GT(largest_difference(before.keypoints[0], after.keypoints[0]), 1e-4);
  EXPECT_TRUE(before.keypoints.slice(0, 1).equal(after.keypoints.slice(0, 1)));
  // Keypoints take their scores along; nobody's score leaves 0..1.
  EXPECT_GT(largest_difference(before.keypoint_scores[0], window[1].keypoint_scores[0]), 1e-4);
  EXPECT_TRUE(before.keypoint_scores.slice(0, 1).equal(window[1].keypoint_scores.slice(0, 1)));
  EXPECT_TRUE(((before.keypoint_scores >= 0) & (before.keypoint_scores <= 1)).all().item<bool>());
}

// sigmoid(logit(0.5) + ln 3) = 3 / 4, once more 9 / 10; sigmoid(logit(0.2) + ln 4) = 1 / 2, then 4 / 5.
TEST_F(Temporal, DecoderLayersRefineThePoseOfTheLastByEquation4) {
  ModelConfig config = small_config();
  config.keypoint_count = 1;
  Stpd stpd(config, small_temporal());
  for (const auto& [name, parameter] : parameters_of(stpd)) {
    const torch::NoGradGuard no_grad;
    if (name.find(".keypoints.6.bias") == std::string::npos) continue;
    parameter.copy_(torch::tensor({std::log(3.0), std::log(4.0)}));
  }
  const auto layers = stpd.forward(torch::randn({1, 8}), torch::tensor({0.5f, 0.2f}).view({1, 1, 2}), torch::tensor({1.25f}),
                                   random_memory({{4, 5}, {2, 3}}, torch::kFloat));
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_LE(largest_difference(layers[0].keypoints.view({2}), torch::tensor({0.75, 0.5})), 1e-6);
  EXPECT_LE(largest_difference(layers[1].keypoints.view({2}), torch::tensor({0.9, 0.8})), 1e-6);
  EXPECT_EQ(layers[1].score_logit.item<float>(), 1.25f);
}

TEST_F(Temporal, UntrainedPhaseAnswersWhatTheSpatialPhaseAnswers) {
  const torch::NoGradGuard no_grad;
  Vepe vepe(small_config(), small_temporal());
  const auto window = random_window();
  const TemporalOutput output = vepe.temporal(window);
  EXPECT_TRUE(output.query_index.equal(torch::tensor({0, 3, 5})));
  EXPECT_LE(largest_difference(output.layers.back().keypoints, window[1].keypoints.index_select(0, output.query_index)), 1e-5);
  EXPECT_TRUE(output.layers.back().score_logit.equal(window[1].score_logit.index_select(0, output.query_index)));
}

// A loss that reads everything a model of these switches computes.
Tensor everything(const TemporalOutput& output) {
  Tensor sum = mixed(output.memory.tokens) + mixed(output.query);
  for (const TemporalLayer& layer : output.layers) sum = sum + mixed(layer.score_logit) + mixed(layer.keypoints);
  return output.embedding.defined() ? sum + mixed(output.embedding) : sum;
}

// The spatial results of three frames, as leaves.
SpatialOutput random_spatial(std::int64_t batch) {
  SpatialOutput output;
  output.memory = random_memory({{4, 5}, {2, 3}}, torch::kFloat, batch);
  output.pose_layers.push_back({torch::randn({batch, 6, 8}), torch::randn({batch, 6}) + 1, torch::rand({batch, 6, 3, 2})});
  return output;
}

TEST_F(Temporal, EverySwitchLeavesTheRestValid) {
  for (int bits = 0; bits < 16; ++bits) {
    TemporalConfig temporal = small_temporal();
    temporal.stpe = bits & 1;
    temporal.icm = bits & 2;
    temporal.stdme = bits & 4;
    temporal.stpd = bits & 8;
    SCOPED_TRACE(testing::Message() << "stpe " << temporal.stpe << " icm " << temporal.icm << " stdme " << temporal.stdme
                                    << " stpd " << temporal.stpd);
    Vepe vepe(small_config(), temporal);
    randomise(vepe);
    const auto window = vepe.features(random_spatial(3));
    const TemporalOutput output = vepe.temporal(window);
    const std::int64_t R = output.query_index.size(0);
    ASSERT_GT(R, 0);
    EXPECT_EQ(output.layers.size(), (temporal.stpe ? 1u : 0u) + (temporal.stpd ? 2u : 1u));
    for (const TemporalLayer& layer : output.layers) {
      EXPECT_EQ(layer.score_logit.sizes(), (std::vector<std::int64_t>{R}));
      EXPECT_EQ(layer.keypoints.sizes(), (std::vector<std::int64_t>{R, 3, 2}));
      EXPECT_TRUE(layer.keypoints.isfinite().all().item<bool>() && layer.score_logit.isfinite().all().item<bool>());
    }
    EXPECT_EQ(output.embedding.defined(), temporal.icm);
    EXPECT_EQ(output.memory.tokens.equal(window[1].memory.tokens), !temporal.stdme);
    if (bits == 0) {
      EXPECT_TRUE(output.layers[0].keypoints.equal(window[1].keypoints.index_select(0, output.query_index)));
    }

    std::map<std::string, double> gradient_of;  // by module
    if (bits != 0) everything(output).backward();
    for (const auto& [name, parameter] : parameters_of(vepe)) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>()) << name;
      gradient_of[name.substr(0, name.find('.'))] += parameter.grad().abs().sum().item<double>();
    }
    std::vector<std::string> modules, want;
    for (const auto& [module, size] : gradient_of) {
      modules.push_back(module);
      EXPECT_GT(size, 0) << module;
    }
    if (temporal.icm) want.push_back("instance_stream");
    if (temporal.stdme) want.push_back("stdme");
    if (temporal.stpd) want.push_back("stpd");
    if (temporal.stpe) want.push_back("stpe");
    if (temporal.stpe && !temporal.stpd) want.push_back("temporal_heads");
    EXPECT_EQ(modules, want);
  }
}

TEST_F(Temporal, StdmeLeavesLevelsBelowItsFirstAsTheyAre) {
  const torch::NoGradGuard no_grad;
  TemporalConfig temporal = small_temporal();
  temporal.stdme_first_level = 1;
  Stdme stdme(small_config(), temporal);
  randomise(stdme);
  const std::vector<Memory> window = {random_memory({{4, 5}, {2, 3}}, torch::kFloat),
                                      random_memory({{4, 5}, {2, 3}}, torch::kFloat),
                                      random_memory({{4, 5}, {2, 3}}, torch::kFloat)};
  const Memory memory = stdme.forward(window, 1);
  EXPECT_TRUE(memory.tokens.slice(1, 0, 20).equal(window[1].tokens.slice(1, 0, 20)));
  EXPECT_GT(largest_difference(memory.tokens.slice(1, 20), window[1].tokens.slice(1, 20)), 1e-2);
}

TEST_F(Temporal, WhatStdmeReadsOfAFrameIsMadeOnceAndServesInEveryWindow) {
  const torch::NoGradGuard no_grad;
  TemporalConfig temporal = small_temporal();
  temporal.stdme_layers = 2;
  temporal.stdme_first_level = 1;
  Vepe vepe(small_config(), temporal);
  randomise(vepe);
  const auto frames = vepe.features(random_spatial(4));
  for (const std::size_t first : {0, 1}) {
    std::vector<FrameFeatures> window(frames.begin() + static_cast<std::ptrdiff_t>(first),
                                      frames.begin() + static_cast<std::ptrdiff_t>(first) + 3);
    for (const FrameFeatures& frame : window) ASSERT_EQ(frame.memory_values.size(), 2u);
    const Tensor kept = vepe.temporal(window).memory.tokens;
    std::vector<FrameFeatures> anew = window;
    for (FrameFeatures& frame : anew) frame.memory_values.clear();
    EXPECT_LE(largest_difference(vepe.temporal(anew).memory.tokens, kept), 1e-6);
    for (FrameFeatures& frame : anew) frame.memory_values = window[0].memory_values;  // of a wrong frame: they are what is read
    EXPECT_GT(largest_difference(vepe.temporal(anew).memory.tokens, kept), 1e-3);
  }
}

TEST_F(Temporal, FramesWithoutPeopleWork) {
  Vepe vepe(small_config(), small_temporal());
  randomise(vepe);
  const std::vector<std::int64_t> some = {0, 2}, none;
  for (int bits = 0; bits < 8; ++bits) {
    SCOPED_TRACE(bits);
    std::vector<FrameFeatures> window;
    for (int f = 0; f < 3; ++f) window.push_back(random_frame(bits >> f & 1 ? some : none));
    for (FrameFeatures& frame : window) frame.query.requires_grad_(true);
    const TemporalOutput output = vepe.temporal(window);
    const std::int64_t R = bits >> 1 & 1 ? 2 : 0;
    EXPECT_EQ(output.query_index.size(0), R);
    ASSERT_EQ(output.layers.size(), 3u);
    EXPECT_EQ(output.layers.back().score_logit.sizes(), (std::vector<std::int64_t>{R}));
    EXPECT_EQ(output.layers.back().keypoints.sizes(), (std::vector<std::int64_t>{R, 3, 2}));
    vepe.zero_grad();
    everything(output).backward();
    for (const auto& [name, parameter] : parameters_of(vepe)) {
      EXPECT_TRUE(!parameter.grad().defined() || parameter.grad().isfinite().all().item<bool>()) << name;
    }
  }
}

// The order of the persons in any frame says nothing.
TEST_F(Temporal, OrderOfPersonsDoesNotMatter) {
  const torch::NoGradGuard no_grad;
  for (const bool icm : {true, false}) {
    TemporalConfig temporal = small_temporal();
    temporal.icm = icm;
    Vepe vepe(small_config(), temporal);
    vepe.to(torch::kDouble);
    randomise(vepe);
    const auto window = random_window(torch::kDouble);
    const TemporalOutput before = vepe.temporal(window);
    for (const std::size_t moved : {0, 1, 2}) {
      auto shuffled = window;
      FrameFeatures& frame = shuffled[moved];
      for (Tensor* rows : {&frame.query, &frame.score_logit, &frame.keypoints, &frame.keypoint_scores, &frame.embedding})
        *rows = rows->flip(0);
      const TemporalOutput after = vepe.temporal(shuffled);
      const auto restored = [&](const Tensor& rows) { return moved == 1 ? rows.flip(0) : rows; };
      EXPECT_LE(largest_difference(restored(after.layers.back().keypoints), before.layers.back().keypoints), 1e-12);
      EXPECT_LE(largest_difference(restored(after.layers.back().score_logit), before.layers.back().score_logit), 1e-12);
    }
  }
}

TEST_F(Temporal, TrackIdsStandInForEmbeddings) {
  const torch::NoGradGuard no_grad;
  Vepe vepe(small_config(), small_temporal());
  randomise(vepe);
  auto window = random_window();
  // Ids 0..5 of the six queries in another order in each frame; the embeddings of a person point the same way everywhere.
  const std::vector<Tensor> ids = {torch::tensor({3, 5, 0, 1, 2, 4}), torch::tensor({0, 1, 2, 3, 4, 5}),
                                   torch::tensor({5, 3, 2, 1, 4, 0})};
  for (std::size_t f = 0; f < 3; ++f) {
    window[f].embedding = torch::eye(8).index_select(0, ids[f]);
    EXPECT_THROW(vepe.temporal(window, MaskSource::kTrackIds), Error);
    window[f].track_id = ids[f];
  }
  const Tensor by_ids = vepe.temporal(window, MaskSource::kTrackIds).query;
  TemporalConfig strict = small_temporal();
  strict.mask_threshold = 0.5;
  Vepe by_similarity(small_config(), strict);
  for (const auto& item : vepe.named_parameters()) by_similarity.named_parameters()[item.key()].copy_(item.value());
  EXPECT_TRUE(by_similarity.temporal(window).query.equal(by_ids));
  window[0].track_id = torch::full({6}, -1);
  EXPECT_GT(largest_difference(vepe.temporal(window, MaskSource::kTrackIds).query, by_ids), 1e-3);
}

TEST_F(Temporal, RefusesAWindowThatDoesNotFit) {
  const torch::NoGradGuard no_grad;
  Vepe vepe(small_config(), small_temporal());
  auto window = random_window();
  window.pop_back();
  EXPECT_THROW(vepe.temporal(window), Error);
  window = random_window();
  window[2].query = torch::randn({5, 8});
  EXPECT_THROW(vepe.temporal(window), Error);
  window = random_window();
  window[0].embedding = Tensor();
  EXPECT_THROW(vepe.temporal(window), Error);
}

TEST_F(Temporal, EmbeddingsHaveLengthOneAndAreThoseOfTheirOwnFrame) {
  const torch::NoGradGuard no_grad;
  for (const char* proposals : {"encoder", "dense"}) {
    SCOPED_TRACE(proposals);
    Vepe vepe(small_config(proposals), small_temporal());
    randomise(vepe);
    const SpatialOutput spatial = random_spatial(2);
    const Tensor index = torch::tensor({{4, 1}, {0, 5}}), refined = torch::rand({2, 2, 3, 2});
    const auto frames = vepe.features(spatial, index, refined);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_LE(largest_difference(frames[1].embedding.norm(2, 1), torch::ones({6})), 1e-6);
    EXPECT_TRUE(frames[0].keypoints[4].equal(refined[0][0]));
    EXPECT_TRUE(frames[1].keypoints[5].equal(refined[1][1]));
    EXPECT_TRUE(frames[1].keypoints[1].equal(spatial.pose_layers[0].keypoints[1][1]));

    SpatialOutput second;  // alone
    second.memory = random_memory({{4, 5}, {2, 3}}, torch::kFloat);
    second.memory.tokens = spatial.memory.tokens.slice(0, 1, 2);
    const PoseLayer& layer = spatial.pose_layers[0];
    second.pose_layers.push_back({layer.query.slice(0, 1, 2), layer.score_logit.slice(0, 1, 2), layer.keypoints.slice(0, 1, 2)});
    EXPECT_LE(largest_difference(vepe.features(second)[0].embedding, frames[1].embedding), 1e-6);

    // Dense queries come in the order of their scores, so their place in the list must not count.
    second.pose_layers[0] = {second.pose_layers[0].query.flip(1), second.pose_layers[0].score_logit.flip(1),
                             second.pose_layers[0].keypoints.flip(1)};
    const double moved = largest_difference(vepe.features(second)[0].embedding.flip(0), frames[1].embedding);
    if (proposals == std::string("dense")) {
      EXPECT_LE(moved, 1e-6);
    } else {
      EXPECT_GT(moved, 1e-2);
    }
  }
}

TEST_F(Temporal, SpatialOutputsAreTheSameBitsWithTheInstanceStreamOnAndOff) {
  const torch::NoGradGuard no_grad;
  const char* text = R"(
model = { channels = 32, heads = 4, feed_forward = 64, dropout = 0.0 }
backbone = { type = "movenet" }
neck = { inputs = ["p4", "block5"], extra_levels = 0, groups = 8 }
encoder = { layers = 0 }
proposals = { type = "dense", queries = 5 }
pose_decoder = { layers = 2, head_hidden = 32 }
joint_decoder = { layers = 1 }
heatmap = { enabled = false }
)";
  const ModelConfig config = read_model_config(parse_toml_text(text, "tiny"), "tiny");
  auto spatial = std::make_shared<SpatialModel>(config);
  spatial->eval();
  const Tensor images = torch::randn({3, 3, 64, 64}), sizes = torch::full({3, 2}, 64.f);
  std::vector<std::vector<Tensor>> runs;
  for (const bool icm : {false, true}) {
    TemporalConfig temporal;
    temporal.icm = icm;
    temporal.pqs_threshold = 0;
    Vepe vepe(config, temporal);
    randomise(vepe);
    const SpatialOutput output = spatial->forward(images, sizes);
    const auto frames = vepe.features(output);
    ASSERT_EQ(frames[0].embedding.defined(), icm);
    vepe.temporal(frames);
    const Detections detections = spatial->detect(output, 5);
    std::vector<Tensor> run = {output.memory.tokens, output.proposals.initial_keypoints, detections.query_index,
                               detections.keypoints, detections.scores};
    for (const PoseLayer& layer : output.pose_layers) run.insert(run.end(), {layer.query, layer.score_logit, layer.keypoints});
    for (const FrameFeatures& frame : frames) run.insert(run.end(), {frame.query, frame.score_logit, frame.keypoints});
    runs.push_back(run);
  }
  for (std::size_t i = 0; i < runs[0].size(); ++i) EXPECT_TRUE(runs[0][i].equal(runs[1][i])) << "tensor " << i;
}

}  // namespace
}  // namespace vepe::model::temporal_testing
