// The temporal and joint stages of training, on a model and a set small enough for a test.

#include <gtest/gtest.h>

#include <torch/torch.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/clips.h"
#include "data/loader.h"
#include "data/test_pictures.h"
#include "formats/joints.h"
#include "train/clip_cache.h"
#include "train/evaluate_clips.h"
#include "train/objective.h"
#include "train/trainer.h"

namespace vepe::train {
namespace {

using data::testing::TempFolder;

// Two people who walk through a video; `frames` pictures of noise, PoseTrack18's joints, head boxes.
std::string video_json(const std::string& name, int frames, bool ids = true, int second_id = 1) {
  nlohmann::json file;
  file["categories"] = nlohmann::json::array(
      {{{"id", 1}, {"name", "person"}, {"keypoints", formats::posetrack18().names}, {"skeleton", nlohmann::json::array()}}});
  file["images"] = file["annotations"] = nlohmann::json::array();
  for (int f = 0; f < frames; ++f) {
    file["images"].push_back({{"id", 100 + f},
                              {"file_name", fmt::format("{}/{:06d}.png", name, f)},
                              {"width", 64},
                              {"height", 48},
                              {"is_labeled", true}});
    for (int p = 0; p < 2; ++p) {
      const double x = 8 + 30 * p + 2 * f, y = 8;
      nlohmann::json keypoints = nlohmann::json::array();
      for (int k = 0; k < 17; ++k) {
        const bool ear = k == 3 || k == 4;  // PoseTrack's ears are never labelled
        keypoints.insert(keypoints.end(), {ear ? 0 : x + k % 4 * 4, ear ? 0 : y + k / 4 * 7, ear ? 0 : 2});
      }
      nlohmann::json person = {{"id", 10 * f + p},
                               {"image_id", 100 + f},
                               {"category_id", 1},
                               {"bbox", {x - 2, y - 4, 18, 38}},
                               {"bbox_head", {x, y - 4, 8, 8}},
                               {"area", 400},
                               {"keypoints", keypoints}};
      if (ids) person["track_id"] = p == 0 ? 0 : second_id;
      file["annotations"].push_back(person);
    }
  }
  return file.dump();
}

class TemporalTraining : public ::testing::Test {
 protected:
  TemporalTraining() {
    std::filesystem::create_directories(folder_ / "labels");
    for (const char* name : {"a", "b"}) add_video(name, video_json(name, 4), 4);
    model::ModelConfig config;
    config.channels = 16, config.heads = 2, config.feed_forward = 16, config.dropout = 0.1;
    config.backbone.type = "movenet";
    config.neck.inputs = {"block5", "block12"}, config.neck.extra_levels = 0, config.neck.groups = 4;
    config.encoder.layers = 0;
    config.proposals.queries = 8;
    config.pose_decoder.layers = 2, config.pose_decoder.head_hidden = 16;
    config.joint_decoder.layers = 1;
    config.heatmap.enabled = false;
    config.input.short_side = 0, config.input.long_side = 64, config.input.multiple = 32;
    folder_.write("spatial.toml", model::write_model_config(config));
    config.temporal.enabled = true;
    config.temporal.instance_layers = config.temporal.stpe_layers = 1;
    config.temporal.stpd_layers = 2, config.temporal.points = 2;
    folder_.write("temporal.toml", model::write_model_config(config));
    const Network start = make_network(recipe({"model=" + quoted("spatial.toml"), "stage=spatial", "init=\"\""}));
    model::save_model(folder_ / "start.safetensors", *start.spatial, nullptr, {{"seed", "77"}}, /*half=*/true);
  }

  void add_video(const std::string& name, const std::string& json, int frames) {
    std::filesystem::create_directories(folder_ / ("frames/" + name));
    for (int f = 0; f < frames; ++f)
      video::write_image(folder_ / fmt::format("frames/{}/{:06d}.png", name, f),
                         data::testing::noise_picture(64, 48, static_cast<std::uint64_t>(f)));
    folder_.write("labels/" + name + ".json", json);
  }
  std::string quoted(const std::string& name) const { return "\"" + folder_ / name + "\""; }

  Recipe recipe(const std::vector<std::string>& settings) const {
    std::ofstream(folder_ / "recipe.toml") << "model = " << quoted("temporal.toml")
                                           << "\nstage = \"temporal\"\ninit = " << quoted("start.safetensors")
                                           << "\nseed = 3\nema = 0.5\n[optimizer]\nlr = 2e-3\n[schedule]\nsteps = 8\nwarmup = 1\n"
                                              "[[data.train]]\nkind = \"posetrack\"\njoints = \"coco17\"\nannotations = "
                                           << quoted("labels") << "\nimages = " << quoted("frames")
                                           << "\n[data.augment]\nlong_sides = [64]\n[data.loader]\nbatch = 2\nworkers = 1\n";
    return load_recipe(folder_ / "recipe.toml", settings);
  }
  TrainResult run(const std::string& name, const std::vector<std::string>& settings, bool resume = false,
                  std::int64_t stop_after = 0) const {
    TrainOptions options;
    options.run = folder_ / name;
    options.resume = resume;
    options.stop_after = stop_after;
    return train(recipe(settings), options);
  }
  std::vector<nlohmann::json> losses(const std::string& name) const {
    std::vector<nlohmann::json> values;
    std::ifstream file(folder_ / (name + "/metrics.jsonl"));
    for (std::string line; std::getline(file, line);) values.push_back(nlohmann::json::parse(line).value("loss", nlohmann::json()));
    return values;
  }
  // What the trainer says to these settings: exit code and message.
  std::pair<int, std::string> refusal(const std::vector<std::string>& settings) const {
    try {
      run("refused", settings);
    } catch (const Error& error) {
      return {error.exit_status(), error.what()};
    }
    return {0, ""};
  }

  TempFolder folder_;
};

double difference(const model::NamedTensors& a, const model::NamedTensors& b) {
  double largest = 0;
  for (const auto& [name, tensor] : a) {
    if (tensor.numel() > 0) largest = std::max(largest, (tensor - b.at(name)).abs().max().item<double>());
  }
  return largest;
}

TEST_F(TemporalTraining, StpdStartsAsTheSpatialPoseDecoderAndAnswersNoChange) {
  const Network network = make_network(recipe({}));
  const model::NamedTensors spatial = model::state_of(*network.spatial), temporal = model::state_of(*network.temporal);
  std::map<std::string, int> copied;  // by layer
  for (const auto& [name, tensor] : temporal) {
    const std::string layer = "stpd.layers.";
    if (!name.starts_with(layer)) continue;
    const std::string rest = name.substr(layer.size() + 2);
    EXPECT_TRUE(tensor.equal(spatial.at("pose_decoder.layers.1." + rest))) << name;
    ++copied[name.substr(0, layer.size() + 1)];
  }
  EXPECT_EQ(copied.size(), 2u);
  EXPECT_TRUE(temporal.at("stpd.heads.1.keypoints.4.weight").equal(spatial.at("pose_decoder.keypoint_heads.1.4.weight")));
  EXPECT_EQ(temporal.at("stpd.heads.1.keypoints.6.weight").abs().max().item<float>(), 0);
}

TEST_F(TemporalTraining, LeavesTheSpatialPhaseToTheLastBitAndSaysWhereItCameFrom) {
  ASSERT_TRUE(run("run", {}).finished);
  const model::LoadedModel start = model::load_model(folder_ / "start.safetensors"),
                           end = model::load_model(folder_ / "run/model.safetensors");
  ASSERT_TRUE(end.temporal);
  EXPECT_EQ(difference(model::state_of(*start.model), model::state_of(*end.model)), 0);
  const Network untrained = make_network(recipe({}));
  for (const char* part : {"instance_stream.", "stpe.", "stdme.", "stpd."}) {
    model::NamedTensors trained, before;
    for (const auto& [name, tensor] : model::state_of(*end.temporal)) {
      if (name.starts_with(part)) trained[name] = tensor, before[name] = untrained.state().at(name);
    }
    EXPECT_GT(difference(trained, before), 1e-3) << part;
  }
  const auto origin = nlohmann::json::parse(end.metadata.at("spatial"));
  EXPECT_EQ(origin.at("seed"), "77");
  EXPECT_EQ(origin.at("init"), folder_ / "start.safetensors");
  EXPECT_EQ(end.metadata.at("seed"), "3");
  for (const char* term : {"temporal.loss_cls", "temporal.d0.loss_kpt", "temporal.loss_oks", "loss_ic", "total"})
    EXPECT_TRUE(losses("run").front().contains(term)) << term;
  EXPECT_FALSE(losses("run").front().contains("loss_kpt"));
}

TEST_F(TemporalTraining, JointStageTrainsBothPhases) {
  ASSERT_TRUE(run("run", {"stage=joint", "schedule.steps=3"}).finished);
  const model::LoadedModel start = model::load_model(folder_ / "start.safetensors"),
                           end = model::load_model(folder_ / "run/model.safetensors");
  EXPECT_GT(difference(model::state_of(*start.model), model::state_of(*end.model)), 1e-4);
  for (const char* term : {"temporal.loss_kpt", "loss_ic", "loss_kpt", "d0.loss_kpt_refine"})
    EXPECT_TRUE(losses("run").front().contains(term)) << term;
}

TEST_F(TemporalTraining, AResumedRunRepeatsAStraightOneToTheLastBit) {
  for (const std::vector<std::string>& settings : {std::vector<std::string>{}, {"cache_clips=5"}, {"stage=joint"}}) {
    const std::string name = settings.empty() ? "new clips" : settings.front();
    SCOPED_TRACE(name);
    run("straight " + name, settings);
    EXPECT_EQ(run("stopped " + name, settings, false, 3).step, 3);
    ASSERT_TRUE(run("stopped " + name, settings, true).finished);
    const auto a = losses("straight " + name), b = losses("stopped " + name);
    ASSERT_EQ(a.size(), 8u);
    EXPECT_EQ(a, b);
    EXPECT_EQ(read_file(folder_ / ("straight " + name + "/model.safetensors")),
              read_file(folder_ / ("stopped " + name + "/model.safetensors")));
  }
}

TEST_F(TemporalTraining, LearnsItsClips) {
  run("run", {"schedule.steps=60", "cache_clips=4", "optimizer.lr=3e-3", "optimizer.clip=1", "ema=0"});
  const auto values = losses("run");
  for (const char* term : {"total", "temporal.loss_kpt"}) {
    double first = 0, last = 0;
    for (std::size_t i = 0; i < 10; ++i)
      first += values[i][term].get<double>(), last += values[values.size() - 1 - i][term].get<double>();
    EXPECT_LT(last, 0.9 * first) << term;
  }
}

TEST_F(TemporalTraining, TheMaskComesFromTrackIdsInTheFirstPartOnly) {
  // The heads start at zero, so the mask shows in the losses of the second step.
  const auto with = [&](const std::string& share) {
    run("share " + share, {"schedule.steps=4", "schedule.warmup=0", "mask_ids_share=" + share});
    return losses("share " + share);
  };
  const auto ids = with("1.0"), embeddings = with("0.0"), half = with("0.5");
  EXPECT_NE(ids[1], embeddings[1]);
  EXPECT_EQ(half[0], ids[0]);
  EXPECT_EQ(half[1], ids[1]);
  EXPECT_NE(half[2], ids[2]);
}

TEST_F(TemporalTraining, CachedClipsGiveTheLossOfTheirFirstPass) {
  const Recipe r = recipe({});
  const Network network = make_network(r);
  network.temporal->eval();
  const Objective objective(r, network);
  data::LoaderConfig loading = r.loader;
  loading.clip.frames = 3;
  data::Loader loader(data::open_datasets(r.datasets), r.augment, loading);
  std::vector<SpatialClip> fresh;
  ClipCache cache(9);
  for (int i = 0; i < 3; ++i) {
    for (SpatialClip& clip : objective.frozen_clips(*loader.next())) {
      fresh.push_back(clip);
      cache.add(std::move(clip));
    }
  }
  ASSERT_EQ(cache.size(), 6u);
  EXPECT_GT(cache.bytes(), 6 * 3 * 16 * 2);
  // Two passes of three batches: everybody once in each, in another order.
  std::vector<std::vector<float>> order(2);
  for (std::int64_t batch = 0; batch < 6; ++batch) {
    for (const SpatialClip& clip : cache.batch(batch, 2)) {
      EXPECT_EQ(clip.memory.tokens.scalar_type(), torch::kFloat);
      order[static_cast<std::size_t>(batch / 3)].push_back(clip.poses.query.sum().item<float>());
    }
  }
  EXPECT_NE(order[0], order[1]);
  std::multiset<float> first(order[0].begin(), order[0].end()), second(order[1].begin(), order[1].end()), all;
  for (const SpatialClip& clip : fresh) all.insert(clip.poses.query.sum().item<float>());
  EXPECT_EQ(first, all);
  EXPECT_EQ(second, all);
  // fp16 memories move the loss little, not at all their people.
  const auto loss = [&](const std::vector<SpatialClip>& clips) {
    return objective(clips, model::MaskSource::kTrackIds).total.item<double>();
  };
  const double exact = loss(fresh);
  EXPECT_NEAR(loss(cache.batch(0, 6)), exact, 0.01 * exact);
}

TEST_F(TemporalTraining, VideosOfOneFrameAndFramesWithoutPeopleAreClipsToo) {
  add_video("short", video_json("short", 1), 1);  // shorter than T
  nlohmann::json empty = nlohmann::json::parse(video_json("empty", 3));
  std::erase_if(empty["annotations"].get_ref<nlohmann::json::array_t&>(),
                [](const auto& person) { return person["image_id"] != 101; });
  add_video("empty", empty.dump(), 3);  // people in the middle frame alone
  const data::Dataset set(recipe({}).datasets.front());
  EXPECT_EQ(set.size(), 10u);
  EXPECT_TRUE(run("run", {"schedule.steps=6"}).finished);
  for (const auto& line : losses("run")) EXPECT_TRUE(std::isfinite(line["total"].get<double>()));
}

TEST_F(TemporalTraining, BadInputIsNamedWithItsRemedy) {
  const auto expect = [&](const std::vector<std::string>& settings, int status, const std::string& part) {
    const auto [code, message] = refusal(settings);
    EXPECT_EQ(code, status) << part << ": " << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_NE(message.find("Remedy"), std::string::npos) << message;
  };
  expect({"model=" + quoted("spatial.toml")}, 2, "has no temporal phase");
  expect({"init=\"\""}, 2, "init");
  expect({"stage=spatial", "cache_clips=4"}, 2, "cache_clips");
  expect({"stage=later"}, 2, "stage");
  expect({"data.loader.clip.frames=5"}, 2, "do not fit the model");
  expect({"stage=spatial", "data.loader.clip.frames=3"}, 2, "single pictures");
  expect({"temporal_loss.keypoints=3"}, 2, "keypoints");
  expect({"data.train=[{kind=\"posetrack\", annotations=" + quoted("labels") + ", images=" + quoted("frames") + "}]"}, 2,
         "other joints than the model's");
  model::write_tensors(folder_ / "part.safetensors", {{"neck.nothing", torch::zeros({1})}});
  expect({"init=" + quoted("part.safetensors")}, 4, "no tensor that fits the model");
  model::NamedTensors some = model::read_tensors(folder_ / "start.safetensors");
  some.erase(some.begin());
  model::write_tensors(folder_ / "part.safetensors", some);
  expect({"init=" + quoted("part.safetensors")}, 4, "which this stage freezes");

  add_video("c", video_json("c", 3, /*ids=*/true, /*second_id=*/0), 3);
  expect({}, 3, "track id 0 stands twice");
  for (const char* name : {"a", "b", "c"}) add_video(name, video_json(name, 3, /*ids=*/false), 3);
  expect({}, 3, "none of its people has a track id");
}

TEST_F(TemporalTraining, AnUntrainedTemporalPhaseAnswersAsTheSpatialPhase) {
  const Recipe r = recipe({});
  Network network = make_network(r), spatial = network;
  spatial.temporal = nullptr;
  SequenceOptions options;
  options.annotations = folder_ / "labels", options.images = folder_ / "frames";
  options.long_side = 64, options.batch = 3, options.track_threshold = 0;
  const Sequences sequences(network, options);
  EXPECT_EQ(sequences.frames(), 8u);
  const SequenceMetrics before = sequences.evaluate(spatial), after = sequences.evaluate(network);
  EXPECT_EQ(before.ap, after.ap);
  EXPECT_EQ(before.oks.mota, after.oks.mota);
  EXPECT_FALSE(before.embedding);
  ASSERT_TRUE(after.embedding);
  EXPECT_TRUE(network.temporal->is_training());   // back in its mode
  add_video("other", video_json("other", 3), 2);  // a frame is missing
  EXPECT_THROW(Sequences(network, options), Error);
}

TEST(TemporalPeople, KeptQueriesAnswerAnewAndTheOthersKeepTheirAnswer) {
  FramePeople spatial;
  spatial.query = torch::tensor({4, 0, 2}, torch::kLong);
  spatial.scores = torch::tensor({0.9f, 0.5f, 0.1f});
  spatial.keypoints = torch::tensor({0.4f, 0.0f, 0.2f}).view({3, 1, 1}).expand({3, 1, 2}).clone();
  spatial.keypoint_scores = torch::tensor({0.44f, 0.40f, 0.42f}).view({3, 1});
  model::TemporalOutput output;
  output.query_index = torch::tensor({0, 3, 4}, torch::kLong);  // 3 is nobody of the spatial answer
  output.layers = {{torch::tensor({3.f, 9.f, 0.f}), torch::tensor({1.f, 7.f, 2.f}).view({3, 1, 1}).expand({3, 1, 2})}};
  const FramePeople people = temporal_people(spatial, {}, output);
  EXPECT_TRUE(people.query.equal(torch::tensor({0, 4, 2}, torch::kLong)));
  EXPECT_TRUE(people.scores.allclose(torch::sigmoid(torch::tensor({3.f, 0.f, std::log(0.1f / 0.9f)}))));
  EXPECT_TRUE(people.keypoints.select(2, 0).squeeze(1).allclose(torch::tensor({1.f, 2.f, 0.2f})));
  EXPECT_TRUE(people.keypoint_scores.squeeze(1).allclose(torch::tensor({0.40f, 0.44f, 0.42f})));
}

TEST(TemporalPeople, PropagatedPeopleComeOnTopWithTheirOwnEmbedding) {
  FramePeople spatial;
  spatial.query = torch::tensor({1, 0}, torch::kLong);
  spatial.scores = torch::tensor({0.9f, 0.1f});
  spatial.keypoints = torch::zeros({2, 1, 2});
  spatial.keypoint_scores = torch::tensor({0.4f, 0.3f}).view({2, 1});
  model::FrameFeatures features;
  features.embedding = torch::tensor({{1.f, 0.f}, {0.f, 1.f}});
  model::TemporalOutput output;
  output.query_index = torch::tensor({1, -1}, torch::kLong);
  output.layers = {{torch::tensor({3.f, 0.f}), torch::ones({2, 1, 2})}};
  output.keypoint_scores = torch::tensor({0.5f, 0.6f}).view({2, 1});
  output.embedding = torch::tensor({{0.f, 1.f}, {0.6f, 0.8f}});
  const FramePeople people = temporal_people(spatial, features, output);
  EXPECT_TRUE(people.query.equal(torch::tensor({1, -1, 0}, torch::kLong)));
  EXPECT_TRUE(people.scores.allclose(torch::sigmoid(torch::tensor({3.f, 0.f, std::log(0.1f / 0.9f)}))));
  EXPECT_TRUE(people.keypoints.select(2, 0).squeeze(1).equal(torch::tensor({1.f, 1.f, 0.f})));
  EXPECT_TRUE(people.keypoint_scores.squeeze(1).allclose(torch::tensor({0.5f, 0.6f, 0.3f})));
  EXPECT_TRUE(people.embedding.allclose(torch::tensor({{0.f, 1.f}, {0.6f, 0.8f}, {1.f, 0.f}})));
}

}  // namespace
}  // namespace vepe::train
