#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/joints.h"
#include "video/image.h"
#include "video/stroke.h"

namespace vepe::video {

enum class Side { kCentre, kLeft, kRight };  // of the person drawn

// What connects the keypoints of one convention, and on which side of the body each lies.
struct Skeleton {
  std::vector<std::pair<int, int>> limbs;
  std::vector<Side> sides;  // [K]; keypoints beyond its end count as centre
};
Skeleton skeleton_of(const formats::JointSet& joints);

struct DrawKeypoint {
  float x = 0, y = 0, score = 0;  // pixels of the picture, score 0 to 1
};

struct DrawPerson {
  std::span<const DrawKeypoint> keypoints;  // [K]
  float score = 1;
  std::int64_t track_id = -1;  // -1: none
};

struct DrawOptions {
  enum class Colouring { kBySide, kByTrack } colouring = Colouring::kByTrack;  // persons without a track are coloured by side
  float keypoint_threshold = 0.2f;  // keypoints below it are left out; above it they fade in
  bool labels = true;               // the track id above the head
  float scale = 1;                  // of line widths, which follow the size of the person
};

// A colour for a track, the same in every run; neighbouring ids differ clearly.
Colour track_colour(std::int64_t track_id);

// Draws limbs, joints and labels, far (small) persons first.
void draw_people(Image& image, std::span<const DrawPerson> people, const Skeleton& skeleton, const DrawOptions& options = {});

// Where each track has been in the last frames. Memory is bounded by the tracks seen in that time.
class Trails {
 public:
  explicit Trails(int length = 30) : length_(length) {}

  // To be called once per frame, before `draw`: takes the places of the persons that have a track id.
  void update(std::span<const DrawPerson> people, const DrawOptions& options = {});

  // Lines along the ground that fade and thin out with age; below the persons, so to be drawn before them.
  void draw(Image& image, const DrawOptions& options = {}) const;

  std::size_t tracks() const { return trails_.size(); }

 private:
  struct Mark {
    std::int64_t frame;
    Position place;
    float size;  // height of the person in pixels
  };
  int length_;
  std::int64_t frame_ = 0;
  std::map<std::int64_t, std::deque<Mark>> trails_;
};

}  // namespace vepe::video
