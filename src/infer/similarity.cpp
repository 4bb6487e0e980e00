#include "infer/similarity.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "video/similarity_chart.h"

namespace vepe::infer {

std::vector<std::vector<double>> cosines(const std::vector<Pose>& a, const std::vector<Pose>& b) {
  std::vector<std::vector<double>> matrix;
  for (const Pose& left : a) {
    auto& row = matrix.emplace_back();
    for (const Pose& right : b) {
      double sum = 0;
      for (std::size_t i = 0; i < left.embedding.size(); ++i)
        sum += static_cast<double>(left.embedding[i]) * static_cast<double>(right.embedding.at(i));
      row.push_back(sum);
    }
  }
  return matrix;
}

Similarity::Similarity(std::optional<std::pair<std::int64_t, std::int64_t>> frames, std::string source)
    : wanted_(frames), source_(std::move(source)) {
  if (!wanted_ || (wanted_->first >= 0 && wanted_->second > wanted_->first)) return;
  throw Error(ErrorCode::kUsage, "similarity frames", "the second frame must be a later one",
              "write A:B with A < B, counted from 0");
}

void Similarity::offer(const video::Frame& frame, const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids) {
  const auto keep = [&](std::optional<View>& view) {  // by id, so that the matrix of a steady scene has its maxima on the diagonal
    std::vector<std::size_t> order(poses.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return static_cast<std::uint64_t>(ids[a]) < static_cast<std::uint64_t>(ids[b]);
    });
    view = View{frame.image, frame.index, {}, {}};
    for (const std::size_t i : order) {
      view->poses.push_back(poses[i]);
      view->ids.push_back(ids[i]);
    }
  };
  if (wanted_) {
    if (frame.index == wanted_->first) keep(first_);
    if (frame.index == wanted_->second) keep(second_);
  } else if (!first_ && poses.size() >= 2) {
    keep(first_);
  } else if (first_ && !second_ && frame.index >= first_->index + kStep && !poses.empty()) {
    keep(second_);
  }
}

std::optional<video::Image> Similarity::picture(const video::Skeleton& skeleton) const {
  if (wanted_) {
    for (const auto& [view, index] : {std::pair(&first_, wanted_->first), std::pair(&second_, wanted_->second)}) {
      if (*view && !(*view)->poses.empty()) continue;
      throw Error(ErrorCode::kInput, source_ + ": frame " + std::to_string(index),
                  *view ? "shows nobody whose similarity could be drawn" : "is not among the frames",
                  "choose other --similarity-frames A:B");
    }
  }
  if (!first_ || !second_) return std::nullopt;
  std::vector<std::vector<video::DrawKeypoint>> keypoints[2];
  video::ChartFrame frames[2];
  for (int i = 0; i < 2; ++i) {
    const View& view = i == 0 ? *first_ : *second_;
    frames[i].image = &view.image;
    frames[i].title = "frame " + std::to_string(view.index);
    for (const Pose& pose : view.poses) {
      auto& points = keypoints[i].emplace_back();
      for (const PoseKeypoint& p : pose.keypoints) points.push_back({p.x, p.y, p.score});
    }
    for (std::size_t p = 0; p < view.poses.size(); ++p)
      frames[i].people.push_back({keypoints[i][p], view.poses[p].score, view.ids[p]});
  }
  return video::draw_similarity(frames[0], frames[1], cosines(first_->poses, second_->poses), skeleton);
}

}  // namespace vepe::infer
