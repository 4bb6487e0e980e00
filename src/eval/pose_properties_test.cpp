#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/golden_support.h"
#include "eval/metrics_output.h"
#include "eval/posetrack_eval.h"
#include "eval/synthetic_poses.h"
#include "formats/convert.h"
#include "formats/posetrack.h"

namespace vepe::eval {
namespace {

using formats::Format;
namespace fs = std::filesystem;

constexpr PoseProtocol kProtocols[] = {PoseProtocol::kPoseTrack17, PoseProtocol::kPoseTrack18, PoseProtocol::kPoseTrack21};

// Numbers of two metrics files, at 1e-9: orders of summation may differ.
void expect_equal(const nlohmann::ordered_json& a, const nlohmann::ordered_json& b, const std::string& path = "") {
  ASSERT_EQ(a.type_name(), std::string(b.type_name())) << path;
  if (a.is_number()) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-9 * std::max(1.0, std::abs(a.get<double>()))) << path;
  } else if (a.is_structured()) {
    ASSERT_EQ(a.size(), b.size()) << path;
    for (const auto& [key, value] : a.items()) {
      if (a.is_array())
        expect_equal(value, b[std::stoul(key)], path + "/" + key);
      else
        expect_equal(value, b.at(key), path + "/" + key);
    }
  } else {
    EXPECT_EQ(a, b) << path;
  }
}

class Folder {
 public:
  explicit Folder(const std::string& name) : path_(fs::temp_directory_path() / ("vepe_eval_" + name + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write(const formats::Sequence& sequence, Format format, const fs::path& path) {
  formats::WriterOptions options;
  options.sequence_name = sequence.name;
  options.joint_names = sequence.joint_names;
  auto writer = formats::open_writer(format, path, options);
  for (const auto& frame : sequence.frames) writer->write(frame);
  writer->close();
}

TEST(PoseProperties, ThreadsDoNotChangeADigit) {
  for (const auto protocol : kProtocols) {
    PoseEvalOptions options;
    options.protocol = protocol;
    const std::string folder = protocol == PoseProtocol::kPoseTrack17   ? "poseval_synth/pt17"
                               : protocol == PoseProtocol::kPoseTrack18 ? "poseval_synth/pt18"
                                                                        : "posetrack21_synth";
    options.threads = 1;
    const std::string one = metrics_json(evaluate_posetrack(golden(folder + "/gt"), golden(folder + "/pred"), options)).dump();
    for (int threads : {2, 3, 8}) {
      options.threads = threads;
      EXPECT_EQ(metrics_json(evaluate_posetrack(golden(folder + "/gt"), golden(folder + "/pred"), options)).dump(), one);
    }
  }
}

TEST(PoseProperties, OrderOfFilesAndPeopleDoesNotMatter) {
  SyntheticOptions apart;  // no ties between people: each is near one prediction at most
  apart.crowding = 0;
  for (const auto protocol : kProtocols) {
    PoseEvalOptions options;
    options.protocol = protocol;
    std::vector<SequenceCounts> forward, backward;
    for (int seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(seed);
      auto [gt, predictions] = synthetic_sequence(seed, apart);
      forward.push_back(count_sequence(gt, predictions, options));
      Random random(seed, 77);
      for (auto* sequence : {&gt, &predictions}) {
        for (auto& frame : sequence->frames) {
          for (std::size_t i = frame.persons.size(); i > 1; --i)
            std::swap(frame.persons[i - 1], frame.persons[random.integer(0, i - 1)]);
        }
      }
      backward.insert(backward.begin(), count_sequence(gt, predictions, options));
    }
    expect_equal(metrics_json(combine_sequences(forward, options)), metrics_json(combine_sequences(backward, options)));
  }
}

// 17 -> 18 -> 17, and predictions through JSON Lines: the same people give the same numbers.
TEST(PoseProperties, FormatDoesNotMatter) {
  SyntheticOptions synthetic;
  synthetic.empty_frame = 0.1;
  const auto [gt, predictions] = synthetic_sequence(5, synthetic);
  const std::string name = gt.name + ".json";
  Folder folder("formats");
  for (const char* sub : {"gt17", "gt18", "gt17b", "pred17", "pred18", "pred17b", "predl"}) fs::create_directories(folder / sub);
  write(gt, Format::kPoseTrack17, folder / "gt17" / name);
  write(predictions, Format::kPoseTrack17, folder / "pred17" / name);
  for (const std::string side : {"gt", "pred"}) {
    formats::convert_file(folder / (side + "17") / name, folder / (side + "18") / name,
                          {Format::kPoseTrack17, Format::kPoseTrack18, {}, "", gt.name});
    formats::convert_file(folder / (side + "18") / name, folder / (side + "17b") / name,
                          {Format::kPoseTrack18, Format::kPoseTrack17, {}, "", gt.name});
  }
  formats::convert_file(folder / "pred17b" / name, folder / "predl" / (gt.name + ".jsonl"),
                        {Format::kPoseTrack17, Format::kJsonLines, {}, "", gt.name});

  PoseEvalOptions options;
  const auto total = [&](const char* g, const char* p, PoseProtocol protocol) {
    options.protocol = protocol;
    return metrics_json(evaluate_posetrack(folder / g, folder / p, options)).at("total");
  };
  const auto want = metrics_json(combine_sequences({count_sequence(gt, predictions, options)}, options)).at("total");
  EXPECT_GT(want.at("ap").at("Total").get<double>(), 1);
  expect_equal(total("gt17", "pred17", PoseProtocol::kPoseTrack17), want);
  expect_equal(total("gt18", "pred18", PoseProtocol::kPoseTrack18), want);
  expect_equal(total("gt17b", "pred17b", PoseProtocol::kPoseTrack17), want);
  expect_equal(total("gt17b", "pred18", PoseProtocol::kPoseTrack17), want);
  expect_equal(total("gt18", "predl", PoseProtocol::kPoseTrack18), want);
}

// By definition the ground truth is its own perfect prediction; the kits' counting keeps it below 100.
TEST(PoseProperties, GroundTruthAgainstItselfIs100WithStrictDefinitions) {
  const std::pair<PoseProtocol, const char*> cases[] = {{PoseProtocol::kPoseTrack17, "poseval_synth/pt17/gt"},
                                                        {PoseProtocol::kPoseTrack18, "poseval_synth/pt18/gt"},
                                                        {PoseProtocol::kPoseTrack18, "poseval_real/gt"},
                                                        {PoseProtocol::kPoseTrack21, "posetrack21_synth/gt"}};
  for (const auto& [protocol, folder] : cases) {
    SCOPED_TRACE(folder);
    PoseEvalOptions options;
    options.protocol = protocol;
    options.strict_definition = true;
    const auto check = [](const PoseMetrics& metrics, const std::string& name) {
      SCOPED_TRACE(name);
      for (const JointValues* values : {&metrics.ap->ap, &metrics.ap->precision, &metrics.ap->recall, &metrics.mota->mota,
                                        &metrics.mota->motp, &metrics.mota->precision, &metrics.mota->recall}) {
        for (double v : *values) EXPECT_TRUE(std::isnan(v) || std::abs(v - 100) < 1e-12) << v;
      }
      EXPECT_NEAR(metrics.ap->ap[kPoseJoints], 100, 1e-12);
      EXPECT_NEAR(metrics.mota->mota[kPoseJoints], 100, 1e-12);
      for (const auto& [field, values] : pose_hota_values(*metrics.hota)) {
        const std::string f = field;
        for (int j = 0; j <= kPoseJoints; ++j) {
          if (f.starts_with("HOTA_TP")) continue;
          const bool undefined = j < kPoseJoints && std::isnan(values[j]);
          EXPECT_TRUE(undefined || std::abs(values[j] - (f.starts_with("HOTA_F") ? 0 : 100)) < 1e-12) << f << " " << j;
        }
      }
    };
    const PoseEvalResult result = evaluate_posetrack(golden(folder), golden(folder), options);
    check(result.total, "total");
    for (const auto& s : result.sequences) check(s.metrics, s.name);
  }
}

// A frame whose people have no points counts as a miss and a false positive of every joint in the kit.
TEST(PoseProperties, KitGivesThePerfectPredictionLessThan100) {
  PoseEvalOptions options;
  options.protocol = PoseProtocol::kPoseTrack17;
  options.hota = false;
  const auto run = [&] { return evaluate_posetrack(golden("poseval_synth/pt17/gt"), golden("poseval_synth/pt17/gt"), options); };
  EXPECT_LT(run().total.mota->mota[kPoseJoints], 99.9);
  options.strict_definition = true;
  EXPECT_NEAR(run().total.mota->mota[kPoseJoints], 100, 1e-12);
}

}  // namespace
}  // namespace vepe::eval
