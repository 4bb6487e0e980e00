#pragma once

#include <string>
#include <vector>

#include "video/draw.h"

namespace vepe::video {

struct ChartFrame {
  const Image* image = nullptr;
  std::string title;
  std::vector<DrawPerson> people;
};

// Two frames with their poses side by side, and below them a matrix with a crop of each person of `a` beside its row, of each
// person of `b` above its column, and in each cell `values[row][column]` (-1 to 1) as a colour and a number. The largest value
// of a row is framed; where it joins one track id with itself the frame is light, else red.
Image draw_similarity(const ChartFrame& a, const ChartFrame& b, const std::vector<std::vector<double>>& values,
                      const Skeleton& skeleton);

}  // namespace vepe::video
