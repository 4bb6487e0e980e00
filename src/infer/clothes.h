#pragma once

#include <array>
#include <optional>
#include <vector>

#include "formats/joints.h"
#include "infer/engine.h"
#include "video/image.h"

namespace vepe::infer {

// Colours of a person's torso and legs: for each a soft histogram over lightness and two axes of hue and saturation, as square
// roots of shares, so that the sum of products of two histograms is their Bhattacharyya coefficient. A part that shows too few
// pixels is all zeros; without any part the vector is empty.
using Clothes = std::vector<float>;

// Where the parts of the body lie in a convention of joints; -1 for a joint that it lacks. Left before right.
struct ClothedJoints {
  std::array<int, 2> shoulders, hips, knees, ankles;
};
ClothedJoints clothed_joints(const formats::JointSet& set);

// Looks at the band from the shoulders to the hips and at the two from the hips to the ankles, about a hundred pixels each,
// as far as they lie in the picture. Keypoints that score below 0.1 are not trusted: the other side stands in for a shoulder or a
// hip, a leg without its knee or ankle is as long as there is.
Clothes describe_clothes(const video::Image& image, const Pose& pose, const ClothedJoints& joints);
std::vector<Clothes> describe_clothes(const video::Image& image, const std::vector<Pose>& poses, const ClothedJoints& joints);

// 0 (no colour in common) to 1 (the same colours in the same parts), over the parts known of both; nothing without such a part.
std::optional<double> likeness(const Clothes& a, const Clothes& b);

// Moves an average on: `past` of what it was and the rest of `now`, a part at a time. What one of them lacks comes from the other.
void blend_clothes(Clothes& average, const Clothes& now, double past);

}  // namespace vepe::infer
