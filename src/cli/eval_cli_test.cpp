// Runs `vepe eval` as a user would and reads what it wrote (docs/metrics.md).

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kMetrics = VEPE_SOURCE_DIR "/tests/data/metrics/";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

struct Outcome {
  int status = -1;
  std::string out, err;
};

class Eval : public testing::Test {
 protected:
  void SetUp() override {
    work_ = fs::path(testing::TempDir()) / ("vepe_eval_cli_" + std::to_string(::getpid()));
    fs::remove_all(work_);
    fs::create_directories(work_);
  }
  void TearDown() override { fs::remove_all(work_); }

  std::string path(const std::string& name) const { return (work_ / name).string(); }
  std::string put(const std::string& name, const std::string& text) const {
    std::ofstream(work_ / name, std::ios::binary) << text;
    return path(name);
  }
  Outcome run(const std::string& arguments) const {
    const std::string command = std::string(VEPE_BINARY) + " eval " + arguments + " >" + path("out") + " 2>" + path("err");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(path("out")), read(path("err"))};
  }
  json metrics(const std::string& arguments) const {
    const Outcome outcome = run(arguments + " -o " + path("m.json"));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_FALSE(outcome.out.empty());  // the table
    EXPECT_EQ(outcome.err, "");
    return json::parse(read(path("m.json")), nullptr, /*allow_exceptions=*/false);
  }
  // One line for the user: "vepe: where: message. Remedy: remedy".
  void expect_refusal(const std::string& arguments, int status, const std::string& words) const {
    SCOPED_TRACE(arguments);
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("vepe: ", 0), 0u) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("Remedy: "), std::string::npos) << outcome.err;
  }

  const std::string coco_ = "coco --gt " + kMetrics + "coco_kpt/gt.json --pred " + kMetrics + "coco_kpt/results.json";
  const std::string posetrack_ =
      "posetrack --protocol posetrack21 --gt " + kMetrics + "posetrack21_synth/gt --pred " + kMetrics + "posetrack21_synth/pred";
  const std::string mot_ = "mot --gt " + kMetrics + "mot_boxes/gt --pred " + kMetrics + "mot_boxes/pred";

 private:
  fs::path work_;
};

void expect_near(const json& got, const json& want, const std::string& what) {
  ASSERT_TRUE(got.is_number()) << what;
  EXPECT_NEAR(got.get<double>(), want.get<double>(), 1e-9) << what;
}

TEST_F(Eval, CocoWritesTheNumbersOfTheKit) {
  const json m = metrics(coco_ + " --bootstrap 20 --seed 1");
  const json expected = json::parse(read(kMetrics + "coco_kpt/expected.json"))["stats"];
  const std::vector<std::string> names{"AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"};
  ASSERT_EQ(m["metrics"].size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) expect_near(m["metrics"][names[i]], expected[i], names[i]);
  EXPECT_LE(m["intervals"]["AP"][0], m["metrics"]["AP"]);
  EXPECT_GE(m["intervals"]["AP"][1], m["metrics"]["AP"]);
  EXPECT_EQ(m["keypoints"].size(), 17u);
  EXPECT_EQ(m["counts"]["images"], 30);
}

TEST_F(Eval, PoseTrackWritesTheNumbersOfTheKit) {
  const json m = metrics(posetrack_);
  EXPECT_EQ(m["protocol"], "posetrack21");
  EXPECT_TRUE(m["skipped"].empty());
  const json ap = json::parse(read(kMetrics + "posetrack21_synth/expected/ap.json"));
  ASSERT_EQ(m["sequences"].size(), 4u);
  for (const auto& [name, sequence] : m["sequences"].items()) {
    for (const auto& [group, value] : ap[name + ".json"]["map"].items())
      expect_near(sequence["ap"][group], value, name + " " + group);
  }
  const json& total = m["total"];
  for (const char* key : {"ap", "mota", "motp", "precision", "recall", "ap_precision", "ap_recall"}) {
    for (const char* group : {"Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "Total"})
      EXPECT_TRUE(total[key].contains(group)) << key << " " << group;
  }
  for (const char* field : {"HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "FragA", "RHOTA", "FA-HOTA",
                            "FA-RHOTA", "HOTA(0)", "HOTA_TP"}) {
    EXPECT_TRUE(total["hota"].contains(field)) << field;
  }
  EXPECT_EQ(total["joints"]["names"].size(), 16u);  // 15 joints, then the total
}

TEST_F(Eval, MotWritesTheNumbersOfBothKits) {
  const json m = metrics(mot_);
  const json expected = json::parse(read(kMetrics + "mot_boxes/expected.json"));
  ASSERT_EQ(m["sequences"].size(), 2u);
  const json& kit = m["kits"]["py_motmetrics"]["sequences"];
  for (const char* name : {"SYN-01", "SYN-02"}) {
    for (const auto& [key, value] : expected["py_motmetrics"][name].items()) expect_near(kit[name][key], value, name + (" " + key));
  }
  EXPECT_EQ(m["total"]["IDSW"], 21);
  EXPECT_EQ(m["total"]["HOTA"], m["kits"]["trackeval"]["total"]["HOTA"]);
}

TEST_F(Eval, OnlyTheNamedMetricsAreComputed) {
  const json m = metrics(posetrack_ + " --metrics ap");
  EXPECT_TRUE(m["total"].contains("ap"));
  EXPECT_FALSE(m["total"].contains("mota"));
  EXPECT_FALSE(m["total"].contains("hota"));
}

TEST_F(Eval, MinimumsDecideTheExitStatus) {
  EXPECT_EQ(run(coco_ + " --min AP=0.2 --min APl=0.1").status, 0);
  EXPECT_EQ(run(posetrack_ + " --metrics ap,hota --min ap.Total=25 --min hota.HOTA.Total=10").status, 0);
  EXPECT_EQ(run(mot_ + " --min MOTA=0.7").status, 0);

  // The numbers are written and the table is printed all the same.
  const Outcome failed = run(coco_ + " --min AP=0.2 --min AP50=0.9 --min AR=0.9 -o " + path("m.json"));
  EXPECT_EQ(failed.status, 1);
  EXPECT_EQ(std::count(failed.err.begin(), failed.err.end(), '\n'), 1) << failed.err;
  EXPECT_NE(failed.err.find("AP50"), std::string::npos) << failed.err;
  EXPECT_NE(failed.err.find("AR"), std::string::npos) << failed.err;
  EXPECT_NE(failed.out.find("AP"), std::string::npos);
  EXPECT_TRUE(json::parse(read(path("m.json"))).contains("metrics"));
  EXPECT_EQ(run(posetrack_ + " --metrics ap --min ap.Total=99").status, 1);
  EXPECT_EQ(run(mot_ + " --min HOTA=0.99").status, 1);
}

TEST_F(Eval, BadInputIsOneLineWithItsStatus) {
  const std::string gt = kMetrics + "coco_kpt/gt.json";
  expect_refusal("coco --gt " + gt + " --pred " + path("none.json"), 3, "none.json");
  expect_refusal("coco --gt " + gt + " --pred " + put("cut.json", R"([{"image_id": 1, "keyp)"), 3, "cut.json");
  expect_refusal("coco --gt " + gt + " --pred " + put("text.json", "hello"), 3, "text.json");
  expect_refusal("coco --gt " + put("list.json", "[]") + " --pred " + kMetrics + "coco_kpt/results.json", 3, "list.json");
  expect_refusal("posetrack --gt " + kMetrics + "posetrack21_synth/gt --pred " + path("nowhere"), 3, "nowhere");
  expect_refusal("mot --gt " + put("gt.txt", "1,1,10,10,20,40,1,1,1\n") + " --pred " + put("r.txt", "1,2,3\n"), 3, "r.txt");
}

TEST_F(Eval, WrongOptionsAreRefusedBeforeTheWork) {
  expect_refusal(coco_ + " --min AP", 2, "--min");
  expect_refusal(coco_ + " --table html", 2, "html");
  expect_refusal("posetrack --protocol posetrack19 --gt a --pred b", 2, "posetrack19");
  expect_refusal(posetrack_ + " --metrics ap,pck", 2, "pck");
  expect_refusal(mot_ + " --min-iou 0", 2, "--min-iou");
  expect_refusal("coco --gt a.json", 2, "--pred");
  expect_refusal(mot_ + " -o " + path("no/such/folder/m.json"), 5, "m.json");
}

TEST_F(Eval, LenientListsWhatItLeavesOut) {
  const std::string gt = put("gt.txt", "1,1,10,10,20,40,1,1,1\n2,1,11,10,20,40,1,1,1\n");
  const std::string results = put("r.txt", "1,1,10,10,20,40,0.9,-1,-1,-1\n2,1,nan,10,20,40,0.9,-1,-1,-1\n");
  EXPECT_EQ(run("mot --gt " + gt + " --pred " + results).status, 3);
  const Outcome lenient = run("mot --lenient --gt " + gt + " --pred " + results);
  EXPECT_EQ(lenient.status, 0) << lenient.err;
  EXPECT_EQ(lenient.err.rfind("skipped: ", 0), 0u) << lenient.err;
}

}  // namespace
