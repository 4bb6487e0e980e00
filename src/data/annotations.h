#pragma once

#include <string>
#include <vector>

#include "data/sample.h"
#include "formats/joints.h"
#include "formats/pose_data.h"

namespace vepe::data {

// Rewrites keypoints from a file's joints to a named set (DatasetConfig::joints), or leaves them.
class JointConversion {
 public:
  JointConversion() = default;
  // `where` names the file in errors: Error(kUsage) for an unknown `wanted`, Error(kInput) when the file's joints are no
  // known set. An empty `wanted` converts nothing.
  JointConversion(const std::vector<std::string>& file_names, const std::string& wanted, const std::string& where);

  std::vector<formats::Keypoint> operator()(const std::vector<formats::Keypoint>& keypoints) const;
  const std::vector<std::string>& names() const { return names_; }

 private:
  const formats::JointSet *from_ = nullptr, *to_ = nullptr;
  std::vector<std::string> names_;
};

// Adds the persons and ignore regions of an annotated frame to a sample whose image size is set, by PETR's rules: a person
// needs a labelled keypoint, a positive area, a box of at least one pixel that touches the picture, and must not be a
// crowd. What fails the rules is not background (as in PETR) but a region to ignore, since people are there. Keypoints
// outside the picture count as not labelled. Keypoints move to pixel centres (sample.h).
void add_annotations(Sample& sample, const formats::Frame& frame, const JointConversion& convert);

// Labels of a picture that is stored in another size than its annotations say.
void scale_labels(Sample& labels, double sx, double sy);

}  // namespace vepe::data
