#pragma once

#include <cstdint>
#include <vector>

#include "infer/engine.h"

namespace vepe::infer {

struct TrackerOptions {
  std::vector<double> sigmas;        // [K] of the OKS
  double start_threshold = kDefaultThreshold;  // a pose of this score starts a track
  double keep_threshold = kDefaultThreshold / 2;  // a pose of this score continues one
  double min_similarity = 0.1;       // OKS with the predicted pose below which two are not the same person
  int max_missed = 30;               // frames that a track outlives without a pose
};

// Links poses over time: an optimal assignment of the frame's poses to the live tracks by the OKS with each track's pose
// moved on at its smoothed velocity. Ids rise from 1 and are never used again. Memory grows with the people in
// sight, not with time.
class Tracker {
 public:
  explicit Tracker(TrackerOptions options);

  // The track id of each pose of the next frame, -1 for one that neither continues nor starts a track.
  std::vector<std::int64_t> update(const std::vector<Pose>& poses);

 private:
  struct Track {
    std::int64_t id;
    std::vector<PoseKeypoint> keypoints;
    float velocity_x = 0, velocity_y = 0;  // pixels a frame, of the whole body
    double area = 0;
    int missed = 0, seen = 0;
  };
  double similarity(const Track& track, const Pose& pose) const;
  void follow(Track& track, const Pose& pose) const;

  TrackerOptions options_;
  std::vector<Track> tracks_;
  std::int64_t next_id_ = 1;
};

}  // namespace vepe::infer
