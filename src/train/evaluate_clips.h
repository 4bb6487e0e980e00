#pragma once

#include <vector>

#include "formats/pose_data.h"
#include "train/clip_pass.h"
#include "train/sequence_metrics.h"

namespace vepe::train {

// Labelled videos after one spatial phase, kept in memory so that several temporal phases may answer them. A joint's score in AP
// is the product of the score of its pose and its own.
class Sequences {
 public:
  // Runs the spatial phase of `network` on all frames. Throws Error(kInput) for the files, among them sequences of different
  // joints, people without track ids, and ids that stand twice in a frame; Error(kUsage) for joints that the model's do not
  // answer.
  Sequences(const Network& network, const SequenceOptions& options);

  // Of the spatial phase alone when network.temporal is null. Its spatial phase is that of the constructor.
  SequenceMetrics evaluate(const Network& network) const;

  std::size_t frames() const;

 private:
  struct Video {
    formats::Sequence truth;
    SpatialClip clip;                 // all frames
    std::vector<FramePeople> people;  // of each frame, spatial
  };
  SequenceOptions options_;
  std::vector<double> sigmas_;
  std::vector<Video> videos_;
};

}  // namespace vepe::train
