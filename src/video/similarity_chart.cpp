#include "video/similarity_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <opencv2/imgproc.hpp>

namespace vepe::video {
namespace {

constexpr int kMargin = 16, kFrameWidth = 616, kWidth = 2 * kFrameWidth + 3 * kMargin;
constexpr int kThumbWidth = 56, kThumbHeight = 76, kIdWidth = 44, kCellHeight = 80, kText = 26;
const cv::Scalar kPaper(24, 24, 28), kInk(225, 225, 228), kFaint(120, 120, 126), kRight(245, 245, 245), kWrong(255, 60, 50);

cv::Mat view_of(Image& image) { return {image.height, image.width, CV_8UC3, image.pixels.data()}; }
cv::Mat view_of(const Image& image) { return {image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data())}; }

Image resized(const Image& image, int width, int height) {
  Image result{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  cv::Mat to = view_of(result);
  cv::resize(view_of(image), to, to.size(), 0, 0, width < image.width ? cv::INTER_AREA : cv::INTER_LINEAR);
  return result;
}

// Dark blue over green to yellow for 0 to 1; less than 0 is as 0. Grows in lightness, so it reads without colour too.
Colour heat(double value) {
  constexpr double kStops[5][3] = {{38, 20, 70}, {58, 82, 139}, {32, 144, 140}, {94, 201, 97}, {253, 231, 36}};
  const double place = std::clamp(value, 0.0, 1.0) * 4;
  const int low = std::min(3, static_cast<int>(place));
  Colour colour;
  for (std::size_t c = 0; c < 3; ++c) {
    colour[c] = static_cast<std::uint8_t>(std::lround(kStops[low][c] + (kStops[low + 1][c] - kStops[low][c]) * (place - low)));
  }
  return colour;
}

cv::Scalar scalar(Colour colour) {
  return {static_cast<double>(colour[0]), static_cast<double>(colour[1]), static_cast<double>(colour[2])};
}

void write(cv::Mat& canvas, const std::string& text, cv::Point centre, double size, const cv::Scalar& colour, int thickness = 1) {
  int baseline = 0;
  const cv::Size box = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, size, thickness, &baseline);
  cv::putText(canvas, text, {centre.x - box.width / 2, centre.y + box.height / 2}, cv::FONT_HERSHEY_SIMPLEX, size, colour,
              thickness, cv::LINE_AA);
}

void draw_frame(cv::Mat& canvas, const ChartFrame& frame, cv::Point corner, const Skeleton& skeleton) {
  const double scale = static_cast<double>(kFrameWidth) / frame.image->width;
  Image small = resized(*frame.image, kFrameWidth, std::max(1, static_cast<int>(std::lround(frame.image->height * scale))));
  std::vector<std::vector<DrawKeypoint>> keypoints;
  for (const DrawPerson& person : frame.people) {
    auto& points = keypoints.emplace_back(person.keypoints.begin(), person.keypoints.end());
    for (DrawKeypoint& p : points)
      p.x = static_cast<float>((p.x + 0.5) * scale - 0.5), p.y = static_cast<float>((p.y + 0.5) * scale - 0.5);
  }
  std::vector<DrawPerson> people = frame.people;
  for (std::size_t i = 0; i < people.size(); ++i) people[i].keypoints = keypoints[i];
  draw_people(small, people, skeleton);
  cv::putText(canvas, frame.title, {corner.x, corner.y + kText - 8}, cv::FONT_HERSHEY_SIMPLEX, 0.55, kInk, 1, cv::LINE_AA);
  view_of(small).copyTo(canvas(cv::Rect(corner.x, corner.y + kText, small.width, small.height)));
}

int frame_height(const ChartFrame& frame) {
  return std::max(1, static_cast<int>(std::lround(frame.image->height * static_cast<double>(kFrameWidth) / frame.image->width)));
}

// The person as the picture shows it, and its id on the colour of its track.
void draw_head(cv::Mat& canvas, const ChartFrame& frame, const DrawPerson& person, cv::Point thumb, cv::Point id) {
  float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
  for (const DrawKeypoint& p : person.keypoints) {
    left = std::min(left, p.x), right = std::max(right, p.x);
    top = std::min(top, p.y), bottom = std::max(bottom, p.y);
  }
  const float height = std::max({bottom - top, (right - left) * kThumbHeight / kThumbWidth, 4.f}) * 1.3f;
  const float width = height * kThumbWidth / kThumbHeight;
  cv::Mat crop(kThumbHeight, kThumbWidth, CV_8UC3);
  const cv::Matx23f picture_from_crop(width / kThumbWidth, 0, (left + right - width) / 2, 0, height / kThumbHeight,
                                      (top + bottom - height) / 2);
  cv::Mat source = view_of(*frame.image);
  if (const int step = static_cast<int>(height / kThumbHeight); step > 1) {  // against aliasing
    cv::Mat smooth;
    cv::blur(source, smooth, cv::Size(step, step));
    source = smooth;
  }
  cv::warpAffine(source, crop, picture_from_crop, crop.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_CONSTANT,
                 kPaper);
  crop.copyTo(canvas(cv::Rect(thumb.x, thumb.y, kThumbWidth, kThumbHeight)));
  const bool tracked = person.track_id >= 0;
  const Colour colour = tracked ? track_colour(person.track_id) : Colour{90, 90, 96};
  cv::rectangle(canvas, cv::Rect(id.x - 18, id.y - 11, 36, 22), scalar(colour), cv::FILLED);
  const bool bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 130;
  write(canvas, tracked ? std::to_string(person.track_id) : "-", id, 0.5,
        bright ? cv::Scalar(10, 10, 12) : cv::Scalar(255, 255, 255));
}

void draw_scale(cv::Mat& canvas, cv::Point corner, int width) {
  for (int x = 0; x < width; ++x) {
    cv::line(canvas, {corner.x + x, corner.y}, {corner.x + x, corner.y + 10}, scalar(heat(static_cast<double>(x) / (width - 1))));
  }
  for (const double value : {0.0, 0.5, 1.0}) {
    char text[8];
    std::snprintf(text, sizeof text, "%.1f", value);
    write(canvas, text, {corner.x + static_cast<int>(value * width), corner.y + 20}, 0.38, kFaint);
  }
  write(canvas, "framed: best of its row, red: another id", {corner.x + width / 2 - 20, corner.y + 40}, 0.38, kFaint);
}

}  // namespace

Image draw_similarity(const ChartFrame& a, const ChartFrame& b, const std::vector<std::vector<double>>& values,
                      const Skeleton& skeleton) {
  const int rows = static_cast<int>(a.people.size()), columns = static_cast<int>(b.people.size());
  const int head_width = kIdWidth + kThumbWidth + 8, head_height = kThumbHeight + 30;
  const int cell_width = std::clamp((kWidth - 2 * kMargin - head_width) / std::max(1, columns), kThumbWidth + 4, 110);
  const int width = std::max(kWidth, 2 * kMargin + head_width + columns * cell_width);
  const int top = kMargin + kText + std::max(frame_height(a), frame_height(b)) + kMargin;
  const int matrix_top = top + kText + head_height, height = matrix_top + rows * kCellHeight + kMargin;
  Image chart{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  cv::Mat canvas = view_of(chart);
  canvas.setTo(kPaper);
  draw_frame(canvas, a, {kMargin, kMargin}, skeleton);
  draw_frame(canvas, b, {2 * kMargin + kFrameWidth, kMargin}, skeleton);
  cv::putText(canvas, "cosine of instance embeddings: rows " + a.title + ", columns " + b.title, {kMargin, top + kText - 10},
              cv::FONT_HERSHEY_SIMPLEX, 0.55, kInk, 1, cv::LINE_AA);
  draw_scale(canvas, {width - kMargin - 220, top + 2}, 200);

  const int matrix_left = kMargin + head_width;
  for (int j = 0; j < columns; ++j) {
    const int middle = matrix_left + j * cell_width + cell_width / 2;
    draw_head(canvas, b, b.people[static_cast<std::size_t>(j)], {middle - kThumbWidth / 2, top + kText + 26},
              {middle, top + kText + 12});
  }
  for (int i = 0; i < rows; ++i) {
    const int y = matrix_top + i * kCellHeight;
    const DrawPerson& person = a.people[static_cast<std::size_t>(i)];
    draw_head(canvas, a, person, {kMargin + kIdWidth, y + 2}, {kMargin + kIdWidth / 2, y + kCellHeight / 2});
    const std::vector<double>& row = values[static_cast<std::size_t>(i)];
    for (int j = 0; j < columns; ++j) {
      const double value = row[static_cast<std::size_t>(j)];
      const cv::Rect cell(matrix_left + j * cell_width, y, cell_width - 2, kCellHeight - 2);
      cv::rectangle(canvas, cell, scalar(heat(value)), cv::FILLED);
      char text[16];
      std::snprintf(text, sizeof text, "%.2f", value);
      write(canvas, text, {cell.x + cell.width / 2, cell.y + cell.height / 2}, 0.45, value > 0.6 ? cv::Scalar(10, 10, 12) : kInk);
    }
    if (row.empty()) continue;
    const auto best = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const bool same = person.track_id >= 0 && person.track_id == b.people[best].track_id;
    cv::rectangle(canvas, cv::Rect(matrix_left + static_cast<int>(best) * cell_width + 1, y + 1, cell_width - 4, kCellHeight - 4),
                  same ? kRight : kWrong, 2);
  }
  return chart;
}

}  // namespace vepe::video
