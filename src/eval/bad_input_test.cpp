// What the official kits answer with a traceback: each case has its code and the words that its one line must hold.

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/coco_eval.h"
#include "eval/mot_eval.h"
#include "eval/posetrack_eval.h"

namespace vepe::eval {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("vepe_eval_bad_" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_ / "gt");
    fs::create_directories(path_ / "pred");
  }
  ~Folder() { fs::remove_all(path_); }
  void put(const std::string& name, const std::string& text) const { std::ofstream(path_ / name, std::ios::binary) << text; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

Json posetrack_file(bool gt) {
  Json file;
  for (int t = 0; t < 3; ++t) {
    file["images"].push_back({{"file_name", "images/val/000001_mpii_test/00000" + std::to_string(t) + ".jpg"},
                              {"id", 100 + t},
                              {"frame_id", 100 + t},
                              {"vid_id", "000001"},
                              {"is_labeled", true},
                              {"ignore_regions_x", Json::array()},
                              {"ignore_regions_y", Json::array()}});
    for (int p = 0; p < 2; ++p) {
      Json person{{"image_id", 100 + t}, {"id", 10 * t + p}, {"track_id", p}, {"category_id", 1}, {"keypoints", Json::array()}};
      for (int k = 0; k < 17; ++k) {
        person["keypoints"].insert(person["keypoints"].end(), {100.0 + 200 * p + 3 * k, 50.0 + 7 * k, 1});
        if (!gt) person["scores"].push_back(0.5 + 0.01 * k + 0.2 * p);
      }
      if (gt) person["bbox_head"] = {90 + 200 * p, 40, 30, 40};
      file["annotations"].push_back(person);
    }
  }
  file["categories"] = Json::array({{{"id", 1},
                                     {"name", "person"},
                                     {"keypoints",
                                      {"nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder",
                                       "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
                                       "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"}}}});
  return file;
}

// Runs `action` and compares the error; `words` must all stand in its line.
void expect_error(ErrorCode code, const std::vector<std::string>& words, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string line = error.what();
    EXPECT_EQ(error.code(), code) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_FALSE(error.remedy().empty()) << line;
    for (const auto& word : words) EXPECT_NE(line.find(word), std::string::npos) << "no \"" << word << "\" in: " << line;
    return;
  }
  ADD_FAILURE() << "no error";
}

struct PoseCase {
  const char* name;
  std::function<void(Json& gt, Json& pred)> spoil;
  std::vector<std::string> words;
  bool lenient_works = true;  // --lenient leaves something out, lists it and gives numbers
  PoseProtocol protocol = PoseProtocol::kPoseTrack18;
};

TEST(BadInput, PoseTrackFiles) {
  const std::string where = "000001_mpii_test";
  const std::vector<PoseCase> cases{
      {"missing frame",
       [](Json&, Json& p) {
         p["images"].erase(2);
         p["annotations"].erase(4);
         p["annotations"].erase(4);
       },
       {where, "2 frames", "3"}},
      {"further frame",
       [](Json&, Json& p) {
         auto i = p["images"][2];
         i["id"] = 103;
         p["images"].push_back(i);
       },
       {where, "4 frames", "3"}},
      {"duplicate track id",
       [](Json& g, Json&) { g["annotations"][3]["track_id"] = 0; },
       {"ground truth", where, "frame 1", "track id 0", "twice"}},
      {"duplicate predicted track id",
       [](Json&, Json& p) { p["annotations"][5]["track_id"] = 0; },
       {"predictions", where, "frame 2", "track id 0", "twice"}},
      {"no track id",
       [](Json&, Json& p) { p["annotations"][1].erase("track_id"); },
       {"predictions", where, "frame 0", "no track id"}},
      {"no head box",
       [](Json& g, Json&) { g["annotations"][2].erase("bbox_head"); },
       {"ground truth", where, "frame 1", "no head box"}},
      {"huge coordinate", [](Json&, Json& p) { p["annotations"][0]["keypoints"][3] = "HUGE"; }, {where + ".json"}},
      {"not a number", [](Json&, Json& p) { p["annotations"][0]["keypoints"][3] = "NAN"; }, {where + ".json"}},
      {"infinite score", [](Json&, Json& p) { p["annotations"][0]["scores"][3] = "HUGE"; }, {where + ".json"}},
      {"unknown image", [](Json&, Json& p) { p["annotations"][0]["image_id"] = 555; }, {where + ".json", "555"}},
      {"keypoint count",
       [](Json&, Json& p) { p["annotations"][0]["keypoints"].erase(50); },
       {where + ".json", "annotation 0", "multiple of 3"}},
      {"annolist expected", [](Json&, Json&) {}, {where + ".json", "annolist"}, false, PoseProtocol::kPoseTrack17},
      {"joints of another kind",
       [](Json&, Json& p) {
         for (auto& k : p["categories"][0]["keypoints"]) k = "x_" + k.get<std::string>();
       },
       {where},
       false},
      {"other images",
       [](Json&, Json& p) {
         p["images"][1]["id"] = 200;
         p["annotations"][2]["image_id"] = 200;
         p["annotations"][3]["image_id"] = 200;
       },
       {"predictions", where, "frame 1", "200", "101"},
       true,
       PoseProtocol::kPoseTrack21},
      {"labelled frame without people",
       [](Json& g, Json&) {
         g["annotations"].erase(2);
         g["annotations"].erase(2);
       },
       {"ground truth", where, "frame 1", "no annotations", "--strict-definition"},
       true,
       PoseProtocol::kPoseTrack21},
      {"everyone ignored",
       [](Json& g, Json& p) {
         g["images"][1]["ignore_regions_x"] = {{0, 250, 250, 0}};
         g["images"][1]["ignore_regions_y"] = {{0, 0, 900, 900}};
         g["annotations"].erase(3);
         p["annotations"].erase(2);
       },
       {where, "frame 1", "ignore region"},
       true,
       PoseProtocol::kPoseTrack21},
      {"one frame",
       [](Json& g, Json& p) {
         for (auto* f : {&g, &p}) {
           (*f)["images"].erase(1), (*f)["images"].erase(1);
           for (int i = 0; i < 4; ++i) (*f)["annotations"].erase(2);
         }
       },
       {where, "1 frame", "MOTA"}},
  };
  for (const PoseCase& c : cases) {
    SCOPED_TRACE(c.name);
    Folder folder;
    Json gt = posetrack_file(true), pred = posetrack_file(false);
    c.spoil(gt, pred);
    const auto text = [](const Json& json) {  // numbers that a JSON library would not write
      std::string s = json.dump();
      for (const auto& [word, number] : {std::pair{"\"HUGE\"", "1e999"}, {"\"NAN\"", "NaN"}}) {
        if (const auto at = s.find(word); at != std::string::npos) s.replace(at, std::string(word).size(), number);
      }
      return s;
    };
    folder.put("gt/000001_mpii_test.json", text(gt));
    folder.put("pred/000001_mpii_test.json", text(pred));
    PoseEvalOptions options;
    options.protocol = c.protocol;
    expect_error(ErrorCode::kInput, c.words, [&] { evaluate_posetrack(folder / "gt", folder / "pred", options); });
    options.lenient = true;
    if (!c.lenient_works) {
      EXPECT_THROW(evaluate_posetrack(folder / "gt", folder / "pred", options), Error);
      continue;
    }
    try {
      const PoseEvalResult result = evaluate_posetrack(folder / "gt", folder / "pred", options);
      ASSERT_EQ(result.sequences.size(), 1u);
      const bool counted = std::string(c.name) == "everyone ignored";  // as false positives, nothing is left out
      EXPECT_EQ(result.skipped.empty(), counted);
      EXPECT_GT(result.total.ap->ap[kPoseJoints], 30);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(BadInput, TextOfPoseTrackFiles) {
  const std::string good = posetrack_file(false).dump();
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"cut off", good.substr(0, good.size() / 2)},
      {"cut off at the end", good.substr(0, good.size() - 1)},
      {"deep", std::string(200000, '[')},
      {"deep inside", "{\"images\":" + std::string(100000, '[') + std::string(100000, ']') + "}"},
      {"a list", "[1, 2]"},
      {"not JSON", "\x89PNG\r\n"},
      {"no images", "{\"annotations\": []}"},
      {"wrong type", "{\"images\": 3, \"annotations\": []}"},
  };
  for (const auto& [name, text] : cases) {
    SCOPED_TRACE(name);
    Folder folder;
    folder.put("gt/a.json", posetrack_file(true).dump());
    folder.put("pred/a.json", text);
    expect_error(ErrorCode::kInput, {"a.json"}, [&] { evaluate_posetrack(folder / "gt", folder / "pred", {}); });
    // A second, sound sequence still gives numbers.
    folder.put("gt/b.json", posetrack_file(true).dump());
    folder.put("pred/b.json", good);
    PoseEvalOptions lenient;
    lenient.lenient = true;
    const PoseEvalResult result = evaluate_posetrack(folder / "gt", folder / "pred", lenient);
    EXPECT_FALSE(result.skipped.empty());
    EXPECT_EQ(result.sequences.back().name, "b");
  }
}

TEST(BadInput, FoldersAndNames) {
  Folder folder;
  const auto run = [&](const std::string& gt, const std::string& pred, bool lenient = false) {
    PoseEvalOptions options;
    options.lenient = lenient;
    evaluate_posetrack(folder / gt, folder / pred, options);
  };
  expect_error(ErrorCode::kInput, {"nowhere", "no such"}, [&] { run("nowhere", "pred"); });
  expect_error(ErrorCode::kInput, {"nowhere", "no such"}, [&] { run("gt", "nowhere"); });
  expect_error(ErrorCode::kInput, {"no .json"}, [&] { run("gt", "pred"); });
  folder.put("gt/a.json", posetrack_file(true).dump());
  expect_error(ErrorCode::kInput, {"a", "no predictions", "--lenient"}, [&] { run("gt", "pred"); });
  expect_error(ErrorCode::kInput, {"no sequence"}, [&] { run("gt", "pred", true); });
  folder.put("p.json", posetrack_file(false).dump());
  expect_error(ErrorCode::kInput, {"p.json", "folder"}, [&] { run("gt", "p.json"); });
  EXPECT_NO_THROW(run("gt/a.json", "p.json"));
  expect_error(ErrorCode::kUsage, {"posetrack19"}, [] { pose_protocol_from_name("posetrack19"); });
}

Json coco_annotations() {
  Json file{{"images", {{{"id", 1}, {"width", 100}, {"height", 100}, {"file_name", "1.jpg"}}}}};
  Json keypoints = Json::array();
  for (int k = 0; k < 17; ++k) keypoints.insert(keypoints.end(), {10 + k, 20 + k, 2});
  file["annotations"] = {{{"id", 1},
                          {"image_id", 1},
                          {"category_id", 1},
                          {"iscrowd", 0},
                          {"area", 3000},
                          {"bbox", {10, 20, 30, 100}},
                          {"num_keypoints", 17},
                          {"keypoints", keypoints}}};
  file["categories"] = Json::array(
      {{{"id", 1},
        {"name", "person"},
        {"keypoints",
         {"nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
          "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"}}}});
  return file;
}

TEST(BadInput, CocoFiles) {
  const auto with = [](const std::function<void(Json&)>& spoil) {
    Json results = Json::array(
        {{{"image_id", 1}, {"category_id", 1}, {"keypoints", coco_annotations()["annotations"][0]["keypoints"]}, {"score", 0.5}}});
    spoil(results);
    return results.dump();
  };
  struct Case {
    const char* name;
    std::string results;
    std::vector<std::string> words;
  };
  const Case cases[] = {
      {"unknown image", with([](Json& r) { r[0]["image_id"] = 77; }), {"77"}},
      {"no score", with([](Json& r) { r[0].erase("score"); }), {"score"}},
      {"50 numbers", with([](Json& r) { r[0]["keypoints"].erase(0); }), {"r.json", "multiple of 3"}},
      {"16 keypoints",
       with([](Json& r) {
         for (int i = 0; i < 3; ++i) r[0]["keypoints"].erase(0);
       }),
       {"16"}},
      {"text as number", with([](Json& r) { r[0]["keypoints"][0] = "4"; }), {"r.json"}},
      {"null score", with([](Json& r) { r[0]["score"] = nullptr; }), {"r.json", "null"}},
      {"an object", "{}", {"r.json"}},
      {"cut off", with([](Json&) {}).substr(0, 100), {"r.json"}},
      {"infinite", "[{\"image_id\":1,\"category_id\":1,\"score\":1e999,\"keypoints\":[]}]", {"r.json"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Folder folder;
    folder.put("gt.json", coco_annotations().dump());
    folder.put("r.json", c.results);
    expect_error(ErrorCode::kInput, c.words, [&] { evaluate_coco(folder / "gt.json", folder / "r.json"); });
  }
  Folder folder;
  folder.put("gt.json", coco_annotations().dump());
  folder.put("r.json", with([](Json& r) {
               r.push_back(r[0]);
               r[0]["image_id"] = 77;
             }));
  std::vector<formats::Skipped> skipped;
  CocoOptions lenient;
  lenient.lenient = true;
  lenient.skipped = &skipped;
  EXPECT_NEAR(evaluate_coco(folder / "gt.json", folder / "r.json", lenient).summary.AP, 1, 1e-9);
  EXPECT_EQ(skipped.size(), 1u);
  expect_error(ErrorCode::kInput, {"nowhere.json"}, [&] { evaluate_coco(folder / "nowhere.json", folder / "r.json"); });
}

TEST(BadInput, MotFiles) {
  struct Case {
    const char* name;
    std::string results;
    std::vector<std::string> words;
    bool lenient_works = true;
  };
  const std::string good = "1,1,10,10,20,40,0.9,-1,-1,-1\n2,1,11,10,20,40,0.9,-1,-1,-1\n";
  const Case cases[] = {
      {"id twice", good + "2,1,50,50,20,40,0.5,-1,-1,-1\n", {"frame 2", "id 1", "twice"}},
      {"no id", good + "2,-1,50,50,20,40,0.5,-1,-1,-1\n", {"frame 2", "no track id"}},
      {"not a number", good + "2,2,nan,50,20,40,0.5,-1,-1,-1\n", {"r.txt"}},
      {"letters", good + "frame,id\n", {"r.txt"}},
      {"few columns", good + "2,2,5\n", {"r.txt"}},
      {"frame 0", good + "0,2,5,5,5,5,1\n", {"r.txt"}},
      {"frame beyond reason", good + "99999999,2,5,5,5,5,1\n", {"frame number"}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Folder folder;
    folder.put("gt.txt", "1,1,10,10,20,40,1,1,1\n2,1,11,10,20,40,1,1,1\n");
    folder.put("r.txt", c.results);
    expect_error(ErrorCode::kInput, c.words, [&] { evaluate_mot(folder / "gt.txt", folder / "r.txt"); });
    std::vector<formats::Skipped> skipped;
    MotOptions lenient{.lenient = true, .skipped = &skipped};
    if (!c.lenient_works) continue;
    EXPECT_NEAR(mot_summary(evaluate_mot(folder / "gt.txt", folder / "r.txt", lenient).total)[0].second, 1, 1e-12);
    EXPECT_EQ(skipped.size(), 1u);
  }
  Folder folder;
  folder.put("gt.txt", "1,1,10,10,20,40,1,1,1\n");
  folder.put("r.txt", good);
  expect_error(ErrorCode::kUsage, {"--min-iou"}, [&] { evaluate_mot(folder / "gt.txt", folder / "r.txt", {.min_iou = 0}); });
  expect_error(ErrorCode::kInput, {"no ground truth"}, [&] { evaluate_mot(folder / "gt", folder / "pred"); });
  expect_error(ErrorCode::kInput, {"nowhere"}, [&] { evaluate_mot(folder / "nowhere", folder / "pred"); });
  folder.put("gt/S1.txt", "1,1,10,10,20,40,1,1,1\n");
  expect_error(ErrorCode::kInput, {"S1", "no results"}, [&] { evaluate_mot(folder / "gt", folder / "pred"); });
  expect_error(ErrorCode::kInput, {"r.txt", "folder"}, [&] { evaluate_mot(folder / "gt", folder / "r.txt"); });
}

}  // namespace
}  // namespace vepe::eval
