#pragma once

#include <cstdint>
#include <vector>

#include "video/image.h"

namespace vepe::data {

// Coordinates of this folder are continuous pixels: the left edge of the first pixel column is 0, its centre 0.5,
// the right edge of the picture is its width. So a flip is x -> W - x and a resize is x -> x * s, without offsets.
// Annotation files give keypoints as pixel indices (COCO, PoseTrack: the centre of the first pixel is 0), boxes
// as edges. Keypoints are shifted once on the way in and once on the way out; boxes are not.
inline constexpr double kPixelCentre = 0.5;
inline double inside_from_file(double keypoint) { return keypoint + kPixelCentre; }
inline double file_from_inside(double keypoint) { return keypoint - kPixelCentre; }

// x, y in pixels of the sample's image; 0, 0, 0 where not labelled. Visibility as in COCO: 0 not labelled,
// 1 labelled but hidden, 2 visible; 1 and 2 count alike in training.
struct Keypoint {
  float x = 0, y = 0;
  int visibility = 0;
};

// Edges, pixels; x0 <= x1, y0 <= y1.
struct Box {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
};

// One labelled person; at least one keypoint is labelled.
struct Person {
  std::vector<Keypoint> keypoints;  // K, the joint order of the data set
  float area = 0;                   // pixels^2 of the segment (OKS scale); changes by resizing only, not by cropping
  Box box;
  std::int64_t track_id = -1;  // -1: none
};

// A picture with its labels.
struct Sample {
  video::Image image;
  std::int64_t image_id = 0;
  int source_width = 0, source_height = 0;  // size of the stored file, to map results of plain resizing back
  std::vector<Person> people;
  // Regions whose people are not labelled: crowds, persons without keypoints, people cut off to no keypoint.
  std::vector<Box> ignore_boxes;
  // True: people may be there who are not labelled (single-person sets). No background query is punished then.
  bool unlabelled_bystanders = false;
};

}  // namespace vepe::data
