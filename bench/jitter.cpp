// How much tracks tremble, and how late they are.
//
//   jitter POSES.jsonl [OTHER.jsonl]
//
// Jitter: mean size of the second difference of a keypoint's place, frame by frame along a track, in body heights (the
// diagonal of the pose's box); keypoints with a score below 0.3 and gaps are left out. Real acceleration is part of it, so it compares
// two answers for one video. Lag: by how many frames OTHER comes after POSES: the shift at which the velocities of the people
// that both see agree best (least squares, parabola through the best three shifts); positive = later.
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "formats/jsonl.h"

namespace {

using namespace vepe;

constexpr double kSeen = 0.3;
constexpr int kShifts = 5;

using Track = std::map<std::int64_t, const formats::Person*>;  // by frame
using Tracks = std::map<std::int64_t, Track>;

Tracks tracks_of(const formats::Sequence& sequence) {
  Tracks tracks;
  for (const formats::Frame& frame : sequence.frames) {
    for (const formats::Person& person : frame.persons) {
      if (person.track_id && !person.keypoints.empty()) tracks[*person.track_id][frame.index] = &person;
    }
  }
  return tracks;
}

bool seen(const formats::Keypoint& p) { return p.present && (p.score == formats::kNoScore || p.score >= kSeen); }

double size_of(const formats::Person& person) {
  double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
  for (const formats::Keypoint& p : person.keypoints) {
    if (!p.present) continue;
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x), y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  return std::max(1.0, std::hypot(x1 - x0, y1 - y0));
}

void print_jitter(const char* name, const Tracks& tracks) {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& [id, track] : tracks) {
    for (const auto& [t, now] : track) {
      const auto before = track.find(t - 1), after = track.find(t + 1);
      if (before == track.end() || after == track.end()) continue;
      for (std::size_t k = 0; k < now->keypoints.size(); ++k) {
        const formats::Keypoint &a = before->second->keypoints[k], &b = now->keypoints[k], &c = after->second->keypoints[k];
        if (!seen(a) || !seen(b) || !seen(c)) continue;
        sum += std::hypot(a.x - 2 * b.x + c.x, a.y - 2 * b.y + c.y) / size_of(*now);
        ++count;
      }
    }
  }
  std::printf("%s: %zu tracks, %zu accelerations, mean %.5f body sizes a frame squared\n", name, tracks.size(), count,
              count ? sum / static_cast<double>(count) : 0.0);
}

double mean_distance(const formats::Person& a, const formats::Person& b) {
  double sum = 0;
  int count = 0;
  for (std::size_t k = 0; k < a.keypoints.size() && k < b.keypoints.size(); ++k) {
    if (!seen(a.keypoints[k]) || !seen(b.keypoints[k])) continue;
    sum += std::hypot(a.keypoints[k].x - b.keypoints[k].x, a.keypoints[k].y - b.keypoints[k].y);
    ++count;
  }
  return count ? sum / count : INFINITY;
}

// The track of `others` that is nearest to `track` in most frames, within a quarter of the body; null if none is.
const Track* partner(const Track& track, const Tracks& others) {
  const Track* best = nullptr;
  std::size_t most = 0;
  for (const auto& [id, other] : others) {
    std::size_t near = 0;
    for (const auto& [t, person] : track) {
      const auto found = other.find(t);
      near += found != other.end() && mean_distance(*person, *found->second) < 0.25 * size_of(*person);
    }
    if (near > most) most = near, best = &other;
  }
  return 2 * most >= track.size() ? best : nullptr;
}

void print_lag(const Tracks& tracks, const Tracks& others) {
  std::vector<double> error(2 * kShifts + 1, 0.0);
  std::vector<std::size_t> count(error.size(), 0);
  std::size_t pairs = 0;
  const auto velocity = [](const Track& track, std::int64_t t, std::size_t k, double& x, double& y) {
    const auto now = track.find(t), next = track.find(t + 1);
    if (now == track.end() || next == track.end() || k >= next->second->keypoints.size()) return false;
    const formats::Keypoint &a = now->second->keypoints[k], &b = next->second->keypoints[k];
    x = b.x - a.x, y = b.y - a.y;
    return seen(a) && seen(b);
  };
  for (const auto& [id, track] : tracks) {
    const Track* other = partner(track, others);
    if (!other) continue;
    ++pairs;
    for (const auto& [t, person] : track) {
      for (std::size_t k = 0; k < person->keypoints.size(); ++k) {
        double x, y, vx[2 * kShifts + 1], vy[2 * kShifts + 1];
        bool all = velocity(track, t, k, x, y);
        for (int s = -kShifts; all && s <= kShifts; ++s) all = velocity(*other, t + s, k, vx[s + kShifts], vy[s + kShifts]);
        if (!all) continue;  // every shift is judged on the same points
        for (std::size_t s = 0; s < error.size(); ++s)
          error[s] += (x - vx[s]) * (x - vx[s]) + (y - vy[s]) * (y - vy[s]), ++count[s];
      }
    }
  }
  if (pairs == 0 || count[0] == 0) {
    std::printf("lag: no person is in both for %d frames and more\n", 2 * kShifts + 2);
    return;
  }
  std::size_t best = 0;
  for (std::size_t s = 1; s < error.size(); ++s) best = error[s] < error[best] ? s : best;
  double shift = static_cast<double>(best) - kShifts;
  if (best > 0 && best + 1 < error.size()) {
    const double below = error[best - 1], above = error[best + 1], curve = below - 2 * error[best] + above;
    if (curve > 0) shift += 0.5 * (below - above) / curve;
  }
  std::printf("lag: %.3f frames (%zu pairs of tracks, %zu velocities)\n", shift, pairs, count[0]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: jitter POSES.jsonl [OTHER.jsonl]\n");
    return 2;
  }
  try {
    const formats::Sequence first = formats::read_jsonl(argv[1]);
    const Tracks tracks = tracks_of(first);
    print_jitter(argv[1], tracks);
    if (argc == 2) return 0;
    const formats::Sequence second = formats::read_jsonl(argv[2]);
    const Tracks others = tracks_of(second);
    print_jitter(argv[2], others);
    print_lag(tracks, others);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "jitter: %s\n", error.what());
    return error.exit_status();
  }
}
