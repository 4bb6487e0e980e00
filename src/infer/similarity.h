#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "infer/engine.h"
#include "video/draw.h"
#include "video/reader.h"

namespace vepe::infer {

// [A][B] cosines of the embeddings of two frames' people.
std::vector<std::vector<double>> cosines(const std::vector<Pose>& a, const std::vector<Pose>& b);

// The paper's Figure 6: two frames of a video and how alike the instance embeddings of their people are. Takes the frames as
// they come and keeps two of them.
class Similarity {
 public:
  // `frames`: the indices of the two, the second one later. Without: the first frame that shows two people, and the first one
  // from kStep frames later on that shows one. `source` is for messages.
  explicit Similarity(std::optional<std::pair<std::int64_t, std::int64_t>> frames, std::string source);

  void offer(const video::Frame& frame, const std::vector<Pose>& poses, const std::vector<std::int64_t>& ids);

  // Both frames with poses and ids, and the matrix between the crops of their people. Nothing if no two frames suited.
  // Throws Error(kInput) when frames were asked for that did not come or show nobody.
  std::optional<video::Image> picture(const video::Skeleton& skeleton) const;

  static constexpr std::int64_t kStep = 5;

 private:
  struct View {
    video::Image image;
    std::int64_t index = -1;
    std::vector<Pose> poses;
    std::vector<std::int64_t> ids;
  };
  std::optional<std::pair<std::int64_t, std::int64_t>> wanted_;
  std::string source_;
  std::optional<View> first_, second_;
};

}  // namespace vepe::infer
