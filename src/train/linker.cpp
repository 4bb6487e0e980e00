#include "train/linker.h"

#include <limits>
#include <torch/torch.h>

#include "core/linear_assignment.h"
#include "loss/oks.h"

namespace vepe::train {
namespace {

constexpr double kMinCosine = 0.5, kMinOks = 0.1;
constexpr double kAreaOfExtent = 0.52;  // as for boxes without a segment
constexpr int kMaxMissed = 5;

struct Track {
  std::int64_t id;
  torch::Tensor keypoints, embedding;  // [K, 2], [C]
  int missed = 0;
};

}  // namespace

at::Tensor pose_similarity(const at::Tensor& poses, const at::Tensor& others, const std::vector<double>& sigmas) {
  const torch::Tensor extent = poses.amax(1) - poses.amin(1);  // [R, 2]
  const torch::Tensor area = (kAreaOfExtent * extent.clamp_min(1).prod(1)).unsqueeze(1);
  const torch::Tensor visible = torch::ones({1, 1, poses.size(1)}, poses.options());
  return loss::oks(others.unsqueeze(0), poses.unsqueeze(1), visible, area, torch::ones({1, 1, 1, 2}, poses.options()),
                   torch::tensor(sigmas, torch::kDouble).to(poses.options()));
}

std::vector<std::vector<std::int64_t>> link_people(const std::vector<LinkFrame>& frames, LinkBy by,
                                                   const std::vector<double>& sigmas) {
  std::vector<std::vector<std::int64_t>> ids;
  std::vector<Track> tracks;
  std::int64_t next_id = 1;
  for (const LinkFrame& frame : frames) {
    const auto people = static_cast<std::size_t>(frame.keypoints.size(0));
    std::vector<std::int64_t> chosen(people, -1);
    for (Track& track : tracks) ++track.missed;
    if (!tracks.empty() && people > 0) {
      std::vector<torch::Tensor> rows;
      for (const Track& track : tracks) rows.push_back(by == LinkBy::kEmbedding ? track.embedding : track.keypoints);
      const torch::Tensor known = torch::stack(rows);
      const torch::Tensor similarity =
          (by == LinkBy::kEmbedding ? known.matmul(frame.embedding.t()) : pose_similarity(known, frame.keypoints, sigmas))
              .to(torch::kDouble);
      const double least = by == LinkBy::kEmbedding ? kMinCosine : kMinOks;
      const torch::Tensor costs =
          (1 - similarity).masked_fill(similarity < least, std::numeric_limits<double>::infinity()).contiguous();
      const std::vector<int> pairs =
          linear_assignment({costs.data_ptr<double>(), static_cast<std::size_t>(costs.numel())}, tracks.size(), people);
      for (std::size_t t = 0; t < tracks.size(); ++t) {
        if (pairs[t] < 0) continue;
        chosen[static_cast<std::size_t>(pairs[t])] = tracks[t].id;
        tracks[t].missed = 0;
        tracks[t].keypoints = frame.keypoints[pairs[t]];
        if (by == LinkBy::kEmbedding) tracks[t].embedding = frame.embedding[pairs[t]];
      }
    }
    std::erase_if(tracks, [](const Track& track) { return track.missed > kMaxMissed; });
    for (std::size_t p = 0; p < people; ++p) {
      if (chosen[p] >= 0) continue;
      chosen[p] = next_id++;
      const auto row = static_cast<std::int64_t>(p);
      tracks.push_back({chosen[p], frame.keypoints[row], by == LinkBy::kEmbedding ? frame.embedding[row] : torch::Tensor()});
    }
    ids.push_back(std::move(chosen));
  }
  return ids;
}

}  // namespace vepe::train
