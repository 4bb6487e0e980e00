#pragma once

#include <array>
#include <filesystem>
#include <optional>

namespace vepe::train {

struct SequenceOptions {
  std::filesystem::path annotations;  // PoseTrack18 files with head boxes and track ids: a folder, or one
  std::filesystem::path images;       // folder below which their frames lie
  int long_side = 320;                // network input
  int batch = 8;                      // frames of one spatial pass
  int max_people = 20;                // a frame
  double track_threshold = 0.3;       // score from which a pose takes part in tracking
};

struct LinkMetrics {
  double top1 = 0;            // share of people of a frame whose most similar person of the frame before is themselves
  double mota = 0, hota = 0;  // PoseTrack18's MOTA and PoseTrack21's keypoint HOTA, mean over joints, per cent
  double idf1 = 0;            // of the boxes around the keypoints, per cent
};

struct SequenceMetrics {
  std::array<double, 7> joints{};        // AP: head, shoulder, elbow, wrist, hip, knee, ankle; per cent
  double ap = 0;                         // mean AP over the 15 joints, official PoseTrack18 protocol
  LinkMetrics oks;                       // linked by pose similarity
  std::optional<LinkMetrics> embedding;  // linked by instance embeddings; models with ICM
};

}  // namespace vepe::train
