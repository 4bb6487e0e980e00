#pragma once

#include <cstdint>
#include <vector>

#include "infer/clothes.h"
#include "infer/engine.h"

namespace vepe::infer {

struct TrackerOptions {
  std::vector<double> sigmas;                                   // [K] of the OKS
  double start_threshold = kDefaultVideoThreshold;              // a pose of this score starts a track
  double keep_threshold = kKeepShare * kDefaultVideoThreshold;  // a pose of this score continues one
  double min_similarity = 0.1;                                  // below which two are not the same person
  double weak_similarity = 0.3;                                 // the same for poses that score below start_threshold
  double duplicate_oks = 0.5;                                   // of a pose to one that has a track: the same person once more
  int max_missed = 30;                                          // frames that a track outlives without a pose

  // Where both sides have an embedding:
  double alpha = 0.2;             // share of the embeddings' cosine in the similarity, the motion has the rest; 0..1
  double embedding_memory = 0.8;  // share of the past in a track's embedding, a frame
  double min_cosine = 0.75;       // from which a person may be found again where motion does not lead
  double reach = 0.5;             // how far from there, in lengths of the body for each frame since the last pose, at most 4

  // Where the clothes of both sides are known:
  double colour = 0.5;           // weight of their likeness as evidence for or against what the motion says; 0..1
  double even_likeness = 0.65;   // which speaks neither for nor against
  double least_motion = 0.05;    // what the motion counts at least within reach, so that clothes can bring back who was lost,
  double most_motion = 0.9;      // and at most, so that they can undo an exchange: where paths cross, motion is never certain
  double clothes_memory = 0.9;   // share of the past in a track's clothes, a frame
  double clear_of_others = 0.2;  // share of a person's extent that another one may cover while its clothes are learnt
};

// Links poses over time by the assignment of the largest total similarity of the frame's poses to the live tracks,
//   alpha * cos(embedding, track's averaged embedding) + (1 - alpha) * motion,
// or motion alone for poses or tracks without embedding. `motion` is the OKS of the pose to the track's pose moved on at its
// smoothed velocity, times the smaller over the larger of their lengths. Where the clothes of both are known it is taken as the
// probability that they are one person, and the likeness of the clothes multiplies its odds by
//   exp(kColourEvidence * colour * (likeness - even_likeness)),
// so that unknown clothes change nothing. A pair is a candidate where the similarity reaches min_similarity and so does the
// motion, or else the two look alike (min_cosine) within reach. A track's clothes are averaged over confident poses with nobody
// before or behind them.
//
// The total counts, not the number of pairs: a track whose person was missed would otherwise push its neighbour off the
// neighbour's pose to get one. Poses that reach start_threshold choose first; weaker ones may continue the tracks that are left
// (ByteTrack, Zhang et al. 2022). A second pose on a person whose pose has a track starts none; a weak one continues none.
// Ids rise from 1 and are never used again. Memory grows with the people in sight, not with time.
class Tracker {
 public:
  explicit Tracker(TrackerOptions options);  // throws Error(kUsage) for a share or threshold outside 0..1

  // The track id of each pose of the next frame, -1 for one that neither continues nor starts a track.
  // `clothes`: of each pose (infer/clothes.h), or none at all.
  // Throws Error(kInput) for an embedding of another length than the ones before, Error(kUsage) for clothes of other people.
  std::vector<std::int64_t> update(const std::vector<Pose>& poses, const std::vector<Clothes>& clothes = {});

 private:
  struct Track {
    std::int64_t id;
    std::vector<PoseKeypoint> keypoints;
    std::vector<float> embedding;          // of length 1; empty until a pose brings one
    Clothes clothes;                       // average over clear sights; empty before the first
    float velocity_x = 0, velocity_y = 0;  // pixels a frame, of the whole body
    double area = 0;
    int missed = 0, seen = 1;
    bool linked = true;  // in the present frame
  };
  void check_embeddings(const std::vector<Pose>& poses);
  void link(const std::vector<Pose>& poses, const std::vector<Clothes>& clothes, const std::vector<std::size_t>& candidates,
            double least, std::vector<std::int64_t>& ids);
  void learn_clothes(const std::vector<Pose>& poses, const std::vector<Clothes>& clothes, const std::vector<std::int64_t>& ids);
  bool is_duplicate(const std::vector<Pose>& poses, std::size_t p, const std::vector<std::int64_t>& ids) const;
  double motion(const Track& track, const Pose& pose) const;
  bool within_reach(const Track& track, const Pose& pose) const;
  double motion_and_clothes(const Track& track, const Pose& pose, const Clothes& clothes) const;
  double similarity(const Track& track, const Pose& pose, const Clothes& clothes) const;  // 0: no candidates
  void follow(Track& track, const Pose& pose) const;
  void remember(std::vector<float>& average, const std::vector<float>& embedding) const;

  TrackerOptions options_;
  std::vector<Track> tracks_;
  std::int64_t next_id_ = 1;
  std::size_t embedding_size_ = 0;
};

}  // namespace vepe::infer
