// Runs the program as a user would and reads what it wrote.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

namespace {

namespace fs = std::filesystem;

const std::string kVideo = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
const std::string kTorture = VEPE_SOURCE_DIR "/tests/data/video/torture/";

struct Outcome {
  int status = -1;
  std::string out, err;
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

fs::path folder(const std::string& name) {
  const fs::path path = fs::path(testing::TempDir()) / ("vepe_cli_" + std::to_string(::getpid())) / name;
  fs::remove_all(path);
  fs::create_directories(path);
  return path;
}

Outcome vepe(const std::string& arguments) {
  const fs::path work = folder("streams");
  const std::string command =
      std::string(VEPE_BINARY) + " " + arguments + " >" + (work / "out").string() + " 2>" + (work / "err").string();
  Outcome outcome;
  const int status = std::system(command.c_str());
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.out = read(work / "out");
  outcome.err = read(work / "err");
  return outcome;
}

std::vector<nlohmann::json> lines_of(const fs::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// Each frame of this stretch shows seven or eight walkers, some of them small, so it runs at the size of ./demo.
TEST(Predict, FindsAndFollowsTheWalkersOfARealVideo) {
  if (!fs::exists(kVideo))
    GTEST_SKIP() << kVideo << " is not installed (Debian's opencv-doc); ./test installs it, so CI on a fresh Debian 12 runs this";
  const fs::path out = folder("predict");
  const Outcome run = vepe("predict " + kVideo + " -o " + out.string() +
                           " --size 512 --frames 100:140 --save video,jsonl,posetrack,csv,mot --progress none");
  ASSERT_EQ(run.status, 0) << run.err;
  for (const char* file : {"vtest.mp4", "vtest.jsonl", "vtest.posetrack.json", "vtest.csv", "vtest.mot.txt"}) {
    EXPECT_TRUE(fs::exists(out / file)) << file;
  }
  const auto frames = lines_of(out / "vtest.jsonl");
  ASSERT_EQ(frames.size(), 40u);
  std::size_t people = 0;
  std::map<std::int64_t, int> tracks;
  for (const auto& frame : frames) {
    people += frame["people"].size();
    for (const auto& person : frame["people"]) {
      ++tracks[person["id"].get<std::int64_t>()];
      ASSERT_EQ(person["keypoints"].size(), 17u);
      for (const auto& point : person["keypoints"]) {
        EXPECT_GE(point[0].get<double>(), -1);
        EXPECT_LE(point[0].get<double>(), 768);
      }
    }
  }
  EXPECT_GE(people, 40u * 4);
  EXPECT_LE(people, 40u * 10);
  int steady = 0;
  for (const auto& [id, count] : tracks) steady += count >= 30;
  EXPECT_GE(steady, 4);
  EXPECT_EQ(frames[0]["index"], 100);
}

TEST(Predict, GivesEachBadInputOneLineAndItsStatusAndStillRunsTheRest) {
  const fs::path out = folder("bad"), file = out / "a_file";
  std::ofstream(file) << "x";
  struct Case {
    std::string arguments;
    int status;
    const char* message;
  };
  const Case cases[] = {
      {"predict /no/such/video.mp4 -o " + out.string(), 3, "no/such/video.mp4"},
      {"predict " + kTorture + "zero_bytes.mp4 -o " + out.string(), 3, "zero_bytes.mp4"},
      {"predict " + kTorture + "text_file.mp4 -o " + out.string(), 3, "text_file.mp4"},
      {"predict " + kTorture + "audio_only.m4a -o " + out.string(), 3, "video stream"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + file.string(), 5, "is a file"},
      {"predict " + kTorture + "base_384x288_30f.mp4", 2, "-o DIR"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --save gold", 2, "unknown output gold"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --device tpu", 7, "no device tpu"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " -m " + file.string(), 4, "a_file"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --frames x", 2, "frames"},
      {"predict", 2, "source"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --temporal maybe", 2, "unknown choice maybe"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --save similarity --temporal off", 2,
       "--save similarity"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --save jsonl,similarity --similarity-frames 9:3", 2,
       "later one"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --similarity-frames 1:3", 2,
       "add similarity to --save"},
      {"predict " + kTorture + "base_384x288_30f.mp4 -o " + out.string() + " --save video --save-embeddings", 2,
       "add jsonl to --save"},
      {"dance", 2, "subcommand"},
      {"train " + file.string() + " -o " + out.string(), 2, "a_file"},
      {"info " + kTorture + "text_file.mp4", 4, "text_file.mp4"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.arguments);
    const Outcome run = vepe(c.arguments + " --threads 1");
    const Outcome plain = c.arguments.find("--") == std::string::npos && run.status == 2 ? vepe(c.arguments) : run;
    EXPECT_EQ(plain.status, c.status) << plain.err;
    EXPECT_NE(plain.err.find(c.message), std::string::npos) << plain.err;
    EXPECT_LE(std::count(plain.err.begin(), plain.err.end(), '\n'), 2) << plain.err;
  }
  const Outcome both = vepe("predict " + kTorture + "zero_bytes.mp4 " + kTorture + "single_frame.mp4 -o " + out.string() +
                            " --threads 1 --progress none");
  EXPECT_EQ(both.status, 3) << both.err;
  EXPECT_EQ(lines_of(out / "single_frame.jsonl").size(), 1u);
}

// Two people a frame who stay where they are; `more` goes into the second one.
std::string poses_line(int index, const std::string& more) {
  std::string line = "{\"index\": " + std::to_string(index) + ", \"people\": [";
  for (int person = 0; person < 2; ++person) {
    line += std::string(person == 0 ? "" : ", ") + "{\"id\": 40, \"score\": 0.9, \"keypoints\": [";
    for (int k = 0; k < 17; ++k) {
      line += (k == 0 ? "[" : ", [") + std::to_string(100 + 200 * person + 3 * k) + ", " + std::to_string(50 + 4 * k) + ", 0.8]";
    }
    line += "], \"embedding\": [" + std::string(person == 0 ? "1, 0]" : "0, 1" + more + "]") + "}";
  }
  return line + "]}\n";
}

TEST(Track, LinksSavedPosesAnewAndSaysWhatIsWrongWithBadOnes) {
  const fs::path out = folder("track");
  std::ofstream(out / "good.jsonl") << poses_line(0, "") << poses_line(1, "") << poses_line(2, "");
  const Outcome good =
      vepe("track " + (out / "good.jsonl").string() + " -o " + (out / "linked").string() + " --save jsonl,mot,csv,posetrack");
  ASSERT_EQ(good.status, 0) << good.err;
  for (const char* file : {"good.jsonl", "good.mot.txt", "good.csv", "good.posetrack.json"})
    EXPECT_TRUE(fs::exists(out / "linked" / file)) << file;
  const auto frames = lines_of(out / "linked" / "good.jsonl");
  ASSERT_EQ(frames.size(), 3u);
  for (const auto& frame : frames) {
    EXPECT_EQ(frame["people"][0]["id"], 1);
    EXPECT_EQ(frame["people"][1]["id"], 2);
    EXPECT_EQ(frame["people"][1]["embedding"], nlohmann::json::parse("[0, 1]"));
  }

  std::string plain = poses_line(0, "");
  for (auto at = plain.find(", \"embedding\""); at != std::string::npos; at = plain.find(", \"embedding\""))
    plain.erase(at, plain.find(']', at) + 1 - at);
  std::ofstream(out / "plain.jsonl") << plain;
  const Outcome without = vepe("track " + (out / "plain.jsonl").string() + " -o " + (out / "linked").string());
  EXPECT_EQ(without.status, 0) << without.err;
  EXPECT_NE(without.err.find("no embeddings"), std::string::npos) << without.err;

  std::ofstream(out / "lengths.jsonl") << poses_line(0, "") << poses_line(1, ", 3");
  std::ofstream(out / "broken.jsonl") << poses_line(0, "") << "{\"index\": 1, \"people\": [{\n";
  const std::string to = " -o " + (out / "bad").string();
  struct Case {
    std::string arguments;
    int status;
    const char* message;
  };
  const Case cases[] = {
      {(out / "missing.jsonl").string() + to, 3, "missing.jsonl"},
      {(out / "broken.jsonl").string() + to, 3, "broken.jsonl: line 2"},
      {(out / "lengths.jsonl").string() + to, 3, "lengths.jsonl: frame 1: person 2: the embedding has 3 numbers"},
      {(out / "good.jsonl").string(), 2, "-o DIR"},
      {(out / "good.jsonl").string() + " -o " + out.string(), 2, "the same file"},
      {(out / "good.jsonl").string() + to + " --save video", 2, "unknown output video"},
      {(out / "good.jsonl").string() + to + " --alpha 2", 2, "alpha"},
      {(out / "good.jsonl").string() + " -o " + (out / "good.jsonl").string(), 5, "is a file"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.arguments);
    const Outcome run = vepe("track " + c.arguments);
    EXPECT_EQ(run.status, c.status) << run.err;
    EXPECT_NE(run.err.find(c.message), std::string::npos) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
  EXPECT_FALSE(fs::exists(out / "bad" / "lengths.jsonl"));
}

// A limit on the size of files stands in for a full disk: the video runs into it, the poses stay.
TEST(Predict, AVideoThatDoesNotFitOnTheDiskLeavesThePosesThatAreDone) {
  if (!fs::exists(kVideo))
    GTEST_SKIP() << kVideo << " is not installed (Debian's opencv-doc); ./test installs it, so CI on a fresh Debian 12 runs this";
  const fs::path out = folder("full_disk");
  const std::string command = "trap '' XFSZ; ulimit -f 200; " VEPE_BINARY " predict " + kVideo + " -o " + out.string() +
                              " --size 256 --frames 0:60 --save video,jsonl --progress none 2>" + (out / "err").string();
  const int status = std::system(command.c_str());
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_NE(read(out / "err").find("vtest.mp4"), std::string::npos) << read(out / "err");
  EXPECT_FALSE(fs::exists(out / "vtest.mp4"));
  EXPECT_GE(lines_of(out / "vtest.jsonl").size(), 10u);  // one line a frame and one of the video
}

TEST(Predict, WritesCocoResultsWithTheIdsOfAnAnnotationFile) {
  const fs::path out = folder("coco");
  std::ofstream(out / "annotations.json")
      << R"({"images": [{"id": 7, "file_name": "000001.jpg", "width": 384, "height": 288}], "annotations": [],
      "categories": [{"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}]})";
  const Outcome run = vepe("predict " + kTorture + "imgseq_jpg/000001.jpg -o " + out.string() +
                           " --save coco --threads 1 --progress none --images-from " + (out / "annotations.json").string());
  ASSERT_EQ(run.status, 0) << run.err;
  const auto results = nlohmann::json::parse(read(out / "coco_results.json"));
  ASSERT_FALSE(results.empty());
  for (const auto& result : results) {
    EXPECT_EQ(result["image_id"], 7);
    EXPECT_EQ(result["keypoints"].size(), 51u);
  }
}

// The public checkpoint itself goes in; every stage comes out within 1e-4 of the public implementation.
TEST(Verify, ThePublicPetrCheckpointGivesThePublicNumbers) {
  const fs::path out = folder("verify"), model = out / "petr.safetensors";
  const Outcome import = vepe("import " VEPE_SOURCE_DIR "/tests/data/petr/petr_tiny.pth -o " + model.string());
  ASSERT_EQ(import.status, 0) << import.err << import.out;
  const std::string reference = " --reference " VEPE_SOURCE_DIR "/tests/data/petr/io.safetensors";
  const Outcome verify = vepe("verify --model " + model.string() + reference + " --tolerance 1e-4");
  EXPECT_EQ(verify.status, 0) << verify.err << verify.out;
  EXPECT_NE(verify.out.find("pose_decoder.layer2.keypoints"), std::string::npos) << verify.out;
  const Outcome strict = vepe("verify --model " + model.string() + reference + " --tolerance 0");
  EXPECT_EQ(strict.status, 1) << strict.out;
}

// A training set of synthetic people and a model small enough for a test.
struct Training : testing::Test {
  fs::path work = folder("training");

  void SetUp() override {
    const Outcome synth = vepe("synth -o " + (work / "synth").string() +
                               " --clips 2 --frames 8 --size 160x128 --seed 3 --images --no-video --progress none");
    ASSERT_EQ(synth.status, 0) << synth.err;
    std::ofstream(work / "model.toml")
        << "[model]\nchannels = 32\nheads = 4\nfeed_forward = 64\ndropout = 0.1\n"
           "[input]\nmean = [127.5, 127.5, 127.5]\nstd = [127.5, 127.5, 127.5]\nshort_side = 0\nlong_side = 128\nmultiple = 32\n"
           "[backbone]\ntype = \"movenet\"\n[neck]\ninputs = [\"p4\", \"block5\", \"block12\"]\nextra_levels = 0\ngroups = 8\n"
           "[encoder]\nlayers = 0\n[proposals]\ntype = \"dense\"\nqueries = 8\n[pose_decoder]\nlayers = 2\nhead_hidden = 32\n"
           "[joint_decoder]\nlayers = 1\npose_query = true\nkeypoint_scores = true\n[heatmap]\nenabled = false\n";
    std::ofstream(work / "recipe.toml")
        << "model = \"" << (work / "model.toml").string() << "\"\n"
        << "init = \"" VEPE_SOURCE_DIR
           "/models/start/movenet_multipose.safetensors\"\ninit_prefix = \"backbone.\"\nseed = 5\nema = 0.9\n"
           "[optimizer]\nlr = 1e-3\n[[optimizer.group]]\nmatch = \"backbone.trunk.\"\nlr = 0.0\n"
           "[schedule]\nsteps = 40\nwarmup = 5\n[loss]\nclass_loss = \"quality\"\n[loss.dense]\nenabled = true\n"
        << "[[data.train]]\nannotations = \"" << (work / "synth" / "annotations_coco.json").string() << "\"\nimages = \""
        << (work / "synth").string() << "\"\n"
        << "[data.augment]\nlong_sides = [96, 128]\nblur = 0.3\n[data.loader]\nbatch = 2\nworkers = 2\n";
  }
  std::string train(const std::string& run, const std::string& more) {
    return "train " + (work / "recipe.toml").string() + " -o " + (work / run).string() + " --threads 1 --progress none " + more;
  }
  std::vector<double> losses(const std::string& run) {
    std::vector<double> values;
    for (const auto& line : lines_of(work / run / "metrics.jsonl")) {
      if (line.contains("loss")) values.push_back(line["loss"]["total"].get<double>());
    }
    return values;
  }
};

TEST_F(Training, AResumedRunRepeatsTheLossesOfAStraightOneToTheLastBit) {
  ASSERT_EQ(vepe(train("straight", "")).status, 0);
  ASSERT_EQ(vepe(train("stopped", "--stop-after 20")).status, 0);
  EXPECT_EQ(losses("stopped").size(), 20u);
  const Outcome resumed = vepe(train("stopped", "--resume"));
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  const auto a = losses("straight"), b = losses("stopped");
  ASSERT_EQ(a.size(), 40u);
  EXPECT_EQ(a, b);
  for (const double loss : a) EXPECT_TRUE(std::isfinite(loss));
  EXPECT_EQ(read(work / "straight" / "model.safetensors"), read(work / "stopped" / "model.safetensors"));
  const Outcome plot = vepe("train --plot " + (work / "straight").string());
  EXPECT_EQ(plot.status, 0) << plot.err;
  EXPECT_NE(read(work / "straight" / "plot.svg").find("polyline"), std::string::npos);
}

TEST_F(Training, LosesLossAndRefusesARunOfAnotherRecipe) {
  const Outcome run = vepe(train("run", "schedule.steps=60"));
  ASSERT_EQ(run.status, 0) << run.err;
  const auto values = losses("run");
  double first = 0, last = 0;
  for (int i = 0; i < 10; ++i)
    first += values[static_cast<std::size_t>(i)], last += values[values.size() - 1 - static_cast<std::size_t>(i)];
  EXPECT_LT(last, first);
  EXPECT_EQ(vepe(train("run", "schedule.steps=60")).status, 2);           // holds a run
  EXPECT_EQ(vepe(train("run", "schedule.steps=80 --resume")).status, 2);  // another recipe
  EXPECT_EQ(vepe(train("new", "schedule.stepz=80")).status, 2);           // unknown key
  EXPECT_EQ(vepe(train("new", "optimizer.lr=fast")).status, 2);           // ill-typed
}

// The temporal stage and the ablation on the same set.
struct TemporalTraining : Training {
  void SetUp() override {
    Training::SetUp();
    std::ofstream(work / "temporal.toml")
        << read(work / "model.toml")
        << "[temporal]\nenabled = true\ninstance_layers = 1\nstpe_layers = 1\nstpd_layers = 1\npoints = 2\n";
    std::ofstream(work / "stage3.toml")
        << "model = \"" << (work / "temporal.toml").string() << "\"\nstage = \"temporal\"\ninit = \""
        << (work / "spatial" / "model.safetensors").string()
        << "\"\nseed = 5\nema = 0.5\ncache_clips = 6\n"
           "[schedule]\nsteps = 6\nwarmup = 1\n[[data.train]]\nkind = \"posetrack\"\nannotations = \""
        << (work / "synth" / "annotations_coco").string() << "\"\nimages = \"" << (work / "synth").string()
        << "\"\n[data.augment]\nlong_sides = [96]\n[data.loader]\nbatch = 2\nworkers = 1\n";
    std::ofstream(work / "ablation.toml")
        << "spatial = \"" << (work / "recipe.toml").string() << "\"\ntemporal = \"" << (work / "stage3.toml").string()
        << "\"\nbaseline = [\"schedule.steps=4\"]\nseeds = [1, 2]\nthresholds = [0.1, 0.9]\n[heldout]\nannotations = \""
        << (work / "synth" / "annotations").string() << "\"\nimages = \"" << (work / "synth").string() << "\"\nlong_side = 96\n";
  }
  std::string ablate(const std::string& more) const {
    return "ablate " + (work / "ablation.toml").string() + " -o " + (work / "ablation").string() + " --threads 1 --progress none " +
           more;
  }
};

TEST_F(TemporalTraining, TheTemporalStageFollowsTheSpatialOne) {
  ASSERT_EQ(vepe(train("spatial", "schedule.steps=3")).status, 0);
  const std::string stage3 = "train " + (work / "stage3.toml").string() + " --threads 1 --progress none -o ";
  const Outcome run = vepe(stage3 + (work / "temporal").string());
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(losses("temporal").size(), 6u);
  ASSERT_EQ(vepe(stage3 + (work / "stopped").string() + " --stop-after 2").status, 0);
  ASSERT_EQ(vepe(stage3 + (work / "stopped").string() + " --resume").status, 0);
  EXPECT_EQ(losses("temporal"), losses("stopped"));
  const Outcome info = vepe("info " + (work / "temporal" / "model.safetensors").string());
  EXPECT_EQ(info.status, 0) << info.err;

  const Outcome no_temporal = vepe(stage3 + (work / "refused").string() + " model=" + (work / "model.toml").string());
  EXPECT_EQ(no_temporal.status, 2);
  EXPECT_NE(no_temporal.err.find("[temporal]"), std::string::npos) << no_temporal.err;
  const Outcome no_init = vepe(stage3 + (work / "refused").string() + " init=" + (work / "nothing.safetensors").string());
  EXPECT_EQ(no_init.status, 3);
  EXPECT_NE(no_init.err.find("nothing.safetensors"), std::string::npos) << no_init.err;
}

TEST_F(TemporalTraining, AblationFillsBothTablesGoesOnAndRepeatsNothing) {
  // An unfinished run of the first stage, as an interrupt leaves it.
  const fs::path first = work / "ablation" / "seed1" / "spatial";
  ASSERT_EQ(vepe("train " + (work / "recipe.toml").string() + " schedule.steps=4 seed=1 -o " + first.string() +
                 " --threads 1 --progress none --stop-after 2")
                .status,
            0);
  EXPECT_EQ(vepe(ablate("")).status, 2);  // the recipe says 40 steps: another run than this
  std::string recipe = read(work / "recipe.toml");
  recipe.replace(recipe.find("steps = 40"), 10, "steps = 4");
  std::ofstream(work / "recipe.toml") << recipe;
  const Outcome run = vepe(ablate(""));
  ASSERT_EQ(run.status, 0) << run.err;
  for (const char* part : {"| baseline", "| a (+ STPE) | x |  |  |  |", "| d (+ STPD) | x | x | x | x |", "seeds 1, 2",
                           "| d | embedding |", "| threshold | 0.1 | 0.9 |"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
  EXPECT_EQ(run.out, read(work / "ablation" / "tables.md"));
  EXPECT_EQ(lines_of(first / "metrics.jsonl").size(), 4u);
  std::map<fs::path, fs::file_time_type> models;
  for (const char* seed : {"seed1", "seed2"}) {
    for (const char* row : {"spatial", "baseline", "a", "b", "c", "d"}) {
      const fs::path file = work / "ablation" / seed / row / "model.safetensors";
      ASSERT_TRUE(fs::exists(file)) << file;
      models[file] = fs::last_write_time(file);
    }
  }
  // The rows differ in their parts, the seeds in everything.
  EXPECT_LT(fs::file_size(work / "ablation/seed1/a/model.safetensors"), fs::file_size(work / "ablation/seed1/b/model.safetensors"));
  EXPECT_LT(fs::file_size(work / "ablation/seed1/c/model.safetensors"), fs::file_size(work / "ablation/seed1/d/model.safetensors"));
  EXPECT_NE(read(work / "ablation/seed1/a/model.safetensors"), read(work / "ablation/seed2/a/model.safetensors"));
  fs::remove(work / "ablation" / "seed2" / "b" / "result.json");
  const Outcome again = vepe(ablate(""));
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.out, run.out);
  for (const auto& [file, time] : models) EXPECT_EQ(fs::last_write_time(file), time) << file;

  EXPECT_EQ(vepe(ablate("seedz=[1]")).status, 2);
  EXPECT_EQ(vepe(ablate("spatial=" + (work / "stage3.toml").string())).status, 2);
  const Outcome nothing = vepe(ablate("heldout.annotations=" + (work / "nowhere").string()));
  EXPECT_EQ(nothing.status, 3);
  EXPECT_NE(nothing.err.find("nowhere"), std::string::npos) << nothing.err;
}

TEST(Doctor, FindsTheNumericsRight) {
  const Outcome run = vepe("doctor --threads 1");
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_NE(run.out.find("kernel against fp64"), std::string::npos);
  EXPECT_NE(run.out.find("BLAS         OpenBLAS, kernels for "), std::string::npos) << run.out;
}

TEST(Info, SaysWhatTheDefaultModelIs) {
  const Outcome run = vepe("info");
  ASSERT_EQ(run.status, 0) << run.err;
  for (const char* part : {"parameters", "multiply-adds", "left_shoulder", "movenet", "licence", "Apache-2.0"}) {
    EXPECT_NE(run.out.find(part), std::string::npos) << part << "\n" << run.out;
  }
}

}  // namespace
