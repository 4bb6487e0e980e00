// Links poses to tracks and counts against ground-truth poses with ids what went wrong. Mechanisms and thresholds of the tracker
// are chosen with it, on sequences that no table reports.
//
//   track_check GT POSES [NAME=VALUE ..]       poses of `vepe predict --threshold 0.1 --save jsonl`
//   track_check GT degrade [NAME=VALUE ..]     the annotated poses themselves, spoilt as a detector would (seed=1)
//   .. videos=FOLDER                           with STEM.mp4 of each sequence: the colours of the clothes count as well
//
// GT: a PoseTrack18 file, or a folder of them; POSES: a JSON Lines file, or a folder with STEM.jsonl for each STEM.json. NAME=VALUE
// sets an option of the tracker. A pose belongs to the person with whom it has an OKS of at least 0.4 over the joints they share;
// pairs of the frame before first, then the assignment of largest OKS, as in CLEAR MOT. Prints a line a sequence and the sum.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/linear_assignment.h"
#include "core/random.h"
#include "formats/joints.h"
#include "formats/jsonl.h"
#include "formats/posetrack.h"
#include "infer/relink.h"
#include "video/reader.h"

namespace {

using namespace vepe::formats;
namespace fs = std::filesystem;

constexpr double kMinOks = 0.4;
constexpr std::uint64_t kVariants = 8;  // of real poses: as they are, backwards, with one in 25 left out at random

struct Counts {
  long people = 0, found = 0, switches = 0, extra = 0, tracks = 0, same_id = 0, poses = 0;
  void add(const Counts& other) {
    people += other.people, found += other.found, switches += other.switches, extra += other.extra;
    tracks += other.tracks, same_id += other.same_id, poses += other.poses;
  }
  void print(const char* name) const {
    const double idf1 = 200.0 * static_cast<double>(same_id) / static_cast<double>(std::max(1L, people + poses));
    std::printf("%-24s people %6ld  found %5.1f %%  extra %5ld  ids %4ld  switches %4ld  IDF1 %5.1f\n", name, people,
                100.0 * static_cast<double>(found) / static_cast<double>(std::max(1L, people)), extra, tracks, switches, idf1);
  }
};

Box extent(const Person& person) {
  double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  for (const Keypoint& p : person.keypoints) {
    if (!p.present) continue;
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x), y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  return {x0, y0, x1 - x0, y1 - y0};
}

// Keypoint k of `person` is keypoint map[k] of `pose`.
double oks(const Person& person, const Person& pose, const std::vector<int>& map, const std::vector<double>& sigmas) {
  const Box box = extent(person);
  const double area = 0.52 * std::max({box.width * box.height, 0.16 * box.height * box.height, 0.16 * box.width * box.width, 1.0});
  double sum = 0;
  int count = 0;
  for (std::size_t k = 0; k < map.size(); ++k) {
    if (map[k] < 0 || !person.keypoints[k].present) continue;
    const Keypoint& other = pose.keypoints[static_cast<std::size_t>(map[k])];
    if (!other.present) continue;
    const double dx = other.x - person.keypoints[k].x, dy = other.y - person.keypoints[k].y, spread = 2 * sigmas[k];
    sum += std::exp(-(dx * dx + dy * dy) / (2 * area * spread * spread));
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

// What a detector does to annotated poses, with the figures of vepe-tiny on synthetic video: noise that lasts some frames, people
// who are hidden by a nearer one (lower in the picture) found seldom and with a low score, dropouts, second poses on one person,
// phantoms.
Sequence degrade(const Sequence& truth, std::uint64_t seed) {
  struct State {
    std::vector<double> dx, dy;
    double mood = 0;
  };
  std::map<std::int64_t, State> states;
  vepe::Random random(seed);
  Sequence result = truth;
  for (Frame& frame : result.frames) {
    const std::vector<Person> people = frame.persons;
    frame.persons.clear();
    std::vector<std::int64_t> whose;
    std::vector<std::pair<std::int64_t, std::int64_t>> merged;  // hidden, in front
    for (std::size_t i = 0; i < people.size(); ++i) {
      Person pose = people[i];
      const Box box = extent(pose);
      if (pose.present_count() < 3) continue;
      double hidden = 0;
      long front = -1;
      for (std::size_t j = 0; j < people.size(); ++j) {
        const Box other = extent(people[j]);
        if (j == i || other.y + other.height <= box.y + box.height || people[j].present_count() < 3) continue;
        const double w = std::min(box.x + box.width, other.x + other.width) - std::max(box.x, other.x);
        const double h = std::min(box.y + box.height, other.y + other.height) - std::max(box.y, other.y);
        const double share = w > 0 && h > 0 ? w * h / std::max(1.0, box.width * box.height) : 0;
        if (share > hidden) hidden = share, front = static_cast<long>(j);
      }
      State& state = states[*pose.track_id];
      state.dx.resize(pose.keypoints.size()), state.dy.resize(pose.keypoints.size());
      state.mood = 0.8 * state.mood + 0.6 * random.normal();
      const double score = 1 / (1 + std::exp(-(0.5 + 0.7 * state.mood + 0.4 * random.normal() - 0.5 * hidden)));
      const bool seen = state.mood + 0.5 * random.normal() > -2.0 + 3.5 * hidden;
      const double size = std::max(box.width, box.height), noise = (0.025 + 0.015 * hidden) * size;
      for (std::size_t k = 0; k < pose.keypoints.size(); ++k) {
        state.dx[k] = 0.6 * state.dx[k] + 0.8 * random.normal();
        state.dy[k] = 0.6 * state.dy[k] + 0.8 * random.normal();
        pose.keypoints[k].x += noise * state.dx[k], pose.keypoints[k].y += noise * state.dy[k];
        pose.keypoints[k].score = std::clamp(score + 0.15 * random.normal(), 0.0, 1.0);
      }
      pose.score = score;
      pose.track_id.reset();
      pose.bbox = extent(pose);
      if (front >= 0 && hidden > 0.2 && random.chance(0.4)) {
        merged.push_back({*people[i].track_id, *people[static_cast<std::size_t>(front)].track_id});
      }
      if (score >= 0.1 && seen) frame.persons.push_back(pose), whose.push_back(*people[i].track_id);
      if (seen && random.chance(0.03)) {  // once more, worse
        for (Keypoint& p : pose.keypoints) p.x += 0.04 * size * random.normal(), p.y += 0.04 * size * random.normal();
        pose.score = score * random.uniform(0.2, 1.0);
        if (*pose.score >= 0.1) frame.persons.push_back(pose), whose.push_back(-1);
      }
      if (random.chance(0.03)) {  // where nobody is
        const double x = random.uniform(-1.5, 1.5) * size, y = random.uniform(-0.5, 0.5) * size;
        for (Keypoint& p : pose.keypoints) p.x += x, p.y += y;
        pose.score = random.uniform(0.1, 0.65);
        frame.persons.push_back(pose), whose.push_back(-1);
      }
    }
    // Two people as one pose: the upper half of one, the lower half of the other.
    for (const auto& [behind, before] : merged) {
      const auto a = std::find(whose.begin(), whose.end(), behind), b = std::find(whose.begin(), whose.end(), before);
      if (a == whose.end() || b == whose.end()) continue;
      Person &hidden = frame.persons[static_cast<std::size_t>(a - whose.begin())],
             &nearer = frame.persons[static_cast<std::size_t>(b - whose.begin())];
      const bool up = random.chance(0.5);
      for (std::size_t k = 0; k < hidden.keypoints.size(); ++k) {
        const bool lower =
            truth.joint_names[k].find("knee") != std::string::npos || truth.joint_names[k].find("ankle") != std::string::npos;
        if (lower != up && hidden.keypoints[k].present && nearer.keypoints[k].present) nearer.keypoints[k] = hidden.keypoints[k];
      }
      frame.persons.erase(frame.persons.begin() + (a - whose.begin()));
      whose.erase(a);
    }
  }
  return result;
}

Counts judge(const Sequence& truth, const Sequence& linked) {
  std::vector<int> map;
  std::vector<double> sigmas;
  const JointSet& coco = coco17();
  for (const std::string& name : truth.joint_names) {
    const int at = coco.index(name);  // the joints of the body; heads differ between conventions
    int other = -1;
    for (std::size_t k = 0; k < linked.joint_names.size(); ++k) {
      if (at >= 5 && same_joint(linked.joint_names[k], name)) other = static_cast<int>(k);
    }
    map.push_back(other);
    sigmas.push_back(at >= 0 ? coco.sigmas[static_cast<std::size_t>(at)] : 0.07);
  }
  std::map<std::int64_t, const Frame*> by_index;
  for (const Frame& frame : linked.frames) by_index[frame.index] = &frame;
  Counts counts;
  std::set<std::int64_t> ids;
  std::map<std::int64_t, std::int64_t> last, before;                      // id of each person: ever, in the frame before
  std::map<std::int64_t, std::map<std::int64_t, std::int64_t>> together;  // frames that a person carries an id
  for (const Frame& frame : truth.frames) {
    const auto found = by_index.find(frame.index);
    static const std::vector<Person> kNobody;
    const std::vector<Person>& poses = found == by_index.end() ? kNobody : found->second->persons;
    std::vector<const Person*> people;
    for (const Person& person : frame.persons) {
      if (person.present_count() >= 3) people.push_back(&person);
    }
    std::vector<double> cost(people.size() * poses.size(), INFINITY);
    for (std::size_t g = 0; g < people.size(); ++g) {
      for (std::size_t p = 0; p < poses.size(); ++p) {
        const double similarity = oks(*people[g], poses[p], map, sigmas);
        if (similarity < kMinOks) continue;
        const auto it = before.find(*people[g]->track_id);
        cost[g * poses.size() + p] = 1 - similarity - (it != before.end() && it->second == poses[p].track_id ? 100 : 0);
      }
    }
    const std::vector<int> chosen = vepe::linear_assignment(cost, people.size(), poses.size());
    before.clear();
    for (std::size_t g = 0; g < people.size(); ++g) {
      if (chosen[g] < 0) continue;
      const std::int64_t person = *people[g]->track_id, id = *poses[static_cast<std::size_t>(chosen[g])].track_id;
      ++counts.found;
      if (last.count(person) && last[person] != id) {
        ++counts.switches;
      }
      last[person] = before[person] = id;
      ++together[person][id];
    }
    for (const Person& pose : poses) ids.insert(*pose.track_id);
    counts.people += static_cast<long>(people.size());
    counts.poses += static_cast<long>(poses.size());
  }
  counts.extra = counts.poses - counts.found;
  counts.tracks = static_cast<long>(ids.size());
  std::map<std::int64_t, std::size_t> column;
  for (const std::int64_t id : ids) column.emplace(id, column.size());
  std::vector<double> cost;
  for (const auto& [person, frames] : together) {
    cost.resize(cost.size() + column.size(), 0.0);
    for (const auto& [id, n] : frames) cost[cost.size() - column.size() + column[id]] = -static_cast<double>(n);
  }
  const std::vector<int> chosen = vepe::linear_assignment(cost, together.size(), column.size());
  for (std::size_t g = 0; g < chosen.size(); ++g) {
    if (chosen[g] >= 0) counts.same_id -= std::lround(cost[g * column.size() + static_cast<std::size_t>(chosen[g])]);
  }
  return counts;
}

std::function<void(double)> option(vepe::infer::TrackerOptions& o, const std::string& name) {
  if (name == "start") return [&o](double v) { o.start_threshold = v; };
  if (name == "keep") return [&o](double v) { o.keep_threshold = v; };
  if (name == "min_similarity") return [&o](double v) { o.min_similarity = v; };
  if (name == "max_missed") return [&o](double v) { o.max_missed = static_cast<int>(v); };
  if (name == "weak_similarity") return [&o](double v) { o.weak_similarity = v; };
  if (name == "duplicate_oks") return [&o](double v) { o.duplicate_oks = v; };
  if (name == "alpha") return [&o](double v) { o.alpha = v; };
  if (name == "colour") return [&o](double v) { o.colour = v; };
  if (name == "even_likeness") return [&o](double v) { o.even_likeness = v; };
  if (name == "least_motion") return [&o](double v) { o.least_motion = v; };
  if (name == "most_motion") return [&o](double v) { o.most_motion = v; };
  if (name == "clothes_memory") return [&o](double v) { o.clothes_memory = v; };
  if (name == "clear_of_others") return [&o](double v) { o.clear_of_others = v; };
  throw vepe::Error(vepe::ErrorCode::kUsage, name, "no such option");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: track_check GT POSES|degrade [NAME=VALUE ..]\n");
    return 2;
  }
  try {
    vepe::infer::TrackerOptions options;
    std::uint64_t seed = 1;
    fs::path videos;
    for (int i = 3; i < argc; ++i) {
      const std::string text = argv[i];
      const auto equals = text.find('=');
      const double value = std::strtod(text.c_str() + std::min(text.size(), equals + 1), nullptr);
      if (text.starts_with("seed="))
        seed = static_cast<std::uint64_t>(value);
      else if (text.starts_with("videos="))
        videos = text.substr(equals + 1);
      else
        option(options, text.substr(0, equals))(value);
    }
    std::vector<fs::path> files;
    if (fs::is_directory(argv[1])) {
      for (const auto& entry : fs::directory_iterator(argv[1])) {
        if (entry.path().extension() == ".json") files.push_back(entry.path());
      }
      std::sort(files.begin(), files.end());
    } else {
      files.push_back(argv[1]);
    }
    Counts sum;
    for (const fs::path& file : files) {
      const Sequence truth = read_posetrack(file, PoseTrackLayout::kPoseTrack18);
      const fs::path poses = argv[2];
      Sequence sequence = poses == "degrade"        ? degrade(truth, seed)
                          : fs::is_directory(poses) ? read_jsonl(poses / (file.stem().string() + ".jsonl"))
                                                    : read_jsonl(poses);
      std::map<std::int64_t, vepe::video::Image> images;
      vepe::infer::Pictures pictures;
      if (!videos.empty()) {
        vepe::video::VideoReader reader((videos / (file.stem().string() + ".mp4")).string());
        for (vepe::video::Frame frame; reader.read(frame);) images[frame.index] = frame.image;
        pictures = [&images](const Frame& frame) {
          const auto found = images.find(frame.index);
          return found == images.end() ? nullptr : &found->second;
        };
      }
      Counts counts;
      for (std::uint64_t variant = 0; variant < (poses == "degrade" ? 1 : kVariants); ++variant) {
        Sequence now = sequence, then = truth;
        if (variant % 2) std::reverse(now.frames.begin(), now.frames.end()), std::reverse(then.frames.begin(), then.frames.end());
        vepe::Random random(seed, variant);
        for (Frame& frame : now.frames)
          std::erase_if(frame.persons, [&](const Person&) { return variant > 1 && random.chance(0.04); });
        vepe::infer::relink(now, options, pictures);
        counts.add(judge(then, now));
      }
      counts.print(file.stem().c_str());
      sum.add(counts);
    }
    sum.print("all");
    return 0;
  } catch (const vepe::Error& error) {
    std::fprintf(stderr, "track_check: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
