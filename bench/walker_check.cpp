// Counts by hand-placed points how well a video's walkers are followed: in how many of its frames each walker carries a
// skeleton, and where its id changes.
//
//   walker_check WALKERS.csv POSES.jsonl
//
// WALKERS.csv: walker,frame,x,y with the torso of each walker at some frames, joined by straight lines; other frames are
// not judged. A person belongs to the walker whose torso is near the middle of its hips and shoulders (at most 0.3 of its
// longer side away); each person and each walker has one partner at most, pairs of the frame before first, then the nearest ones
// (as in CLEAR MOT). Prints a line a walker and the list of id changes.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "formats/jsonl.h"

namespace {

using namespace vepe::formats;

struct Point {
  double x = 0, y = 0;
};
using Walker = std::map<std::int64_t, Point>;  // by frame

std::map<std::string, Walker> read_walkers(const char* path) {
  std::ifstream file(path);
  if (!file) throw vepe::Error(vepe::ErrorCode::kInput, path, "cannot be read");
  std::map<std::string, Walker> walkers;
  std::string line, name, frame, x, y;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    if (line.empty() || line[0] == '#' || line.starts_with("walker,")) continue;
    if (!std::getline(fields, name, ',') || !std::getline(fields, frame, ',') || !std::getline(fields, x, ',') ||
        !std::getline(fields, y, ',')) {
      throw vepe::Error(vepe::ErrorCode::kInput, path, "a line without four fields: " + line);
    }
    walkers[name][std::stoll(frame)] = {std::stod(x), std::stod(y)};
  }
  return walkers;
}

// Where the walker is at a frame; false outside of its labelled stretch.
bool place(const Walker& walker, std::int64_t frame, Point& point) {
  const auto after = walker.lower_bound(frame);
  if (after == walker.end() || frame < walker.begin()->first) return false;
  if (after->first == frame) {
    point = after->second;
    return true;
  }
  const auto before = std::prev(after);
  const double t = static_cast<double>(frame - before->first) / static_cast<double>(after->first - before->first);
  point = {before->second.x + t * (after->second.x - before->second.x),
           before->second.y + t * (after->second.y - before->second.y)};
  return true;
}

// Middle of shoulders and hips.
Point torso(const Person& person, const std::vector<std::string>& names) {
  Point sum;
  int count = 0;
  for (std::size_t k = 0; k < names.size(); ++k) {
    if (names[k].find("shoulder") == std::string::npos && names[k].find("hip") == std::string::npos) continue;
    sum.x += person.keypoints[k].x, sum.y += person.keypoints[k].y;
    ++count;
  }
  return {sum.x / std::max(1, count), sum.y / std::max(1, count)};
}

struct Record {
  int frames = 0, seen = 0, switches = 0;
  std::int64_t last = -1;
  std::vector<std::string> events;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: walker_check WALKERS.csv POSES.jsonl\n");
    return 2;
  }
  try {
    const auto walkers = read_walkers(argv[1]);
    const Sequence sequence = read_jsonl(argv[2]);
    std::map<std::string, Record> records;
    for (const Frame& frame : sequence.frames) {
      std::vector<std::tuple<bool, double, std::string, std::size_t>> pairs;
      for (const auto& [name, walker] : walkers) {
        Point at;
        if (!place(walker, frame.index, at)) continue;
        ++records[name].frames;
        for (std::size_t p = 0; p < frame.persons.size(); ++p) {
          const Box& box = *frame.persons[p].bbox;
          const double reach = 0.3 * std::max(box.width, box.height);
          const Point middle = torso(frame.persons[p], sequence.joint_names);
          const double distance = std::hypot(middle.x - at.x, middle.y - at.y);
          const bool changes = frame.persons[p].track_id.value_or(-1) != records[name].last;
          if (distance <= reach) pairs.emplace_back(changes, distance, name, p);
        }
      }
      std::sort(pairs.begin(), pairs.end());
      std::set<std::string> done;
      std::set<std::size_t> taken;
      for (const auto& [changes, distance, name, p] : pairs) {
        if (done.count(name) || taken.count(p)) continue;
        done.insert(name), taken.insert(p);
        Record& record = records[name];
        ++record.seen;
        const std::int64_t id = frame.persons[p].track_id.value_or(-1);
        if (record.last != -1 && id != record.last) {
          ++record.switches;
          record.events.push_back("frame " + std::to_string(frame.index) + ": " + std::to_string(record.last) + " -> " +
                                  std::to_string(id));
        }
        record.last = id;
      }
    }
    int most = 0, switches = 0, frames = 0, seen = 0;
    for (const auto& [name, record] : records) {
      std::printf("%s  %3d of %3d frames (%3.0f %%), %d switches", name.c_str(), record.seen, record.frames,
                  100.0 * record.seen / record.frames, record.switches);
      for (const std::string& event : record.events) std::printf("; %s", event.c_str());
      std::printf("\n");
      most += record.seen >= 0.9 * record.frames, switches += record.switches, frames += record.frames, seen += record.seen;
    }
    std::printf("%zu walkers, %d with a skeleton in at least 90 %% of their frames, %d of %d frames (%.1f %%), %d switches\n",
                records.size(), most, seen, frames, 100.0 * seen / std::max(1, frames), switches);
    return 0;
  } catch (const vepe::Error& error) {
    std::fprintf(stderr, "walker_check: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
