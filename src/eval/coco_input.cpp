#include <unordered_map>

#include "core/error.h"
#include "eval/coco_oks.h"

namespace vepe::eval {
namespace {

std::vector<double> flatten(const std::vector<formats::Keypoint>& keypoints, std::size_t joints) {
  std::vector<double> flat;
  flat.reserve(3 * joints);
  for (const auto& k : keypoints) flat.insert(flat.end(), {k.x, k.y, k.visibility});
  if (keypoints.empty()) flat.resize(3 * joints, 0);  // an annotation with a box only
  return flat;
}

OksGroundTruth annotation(const formats::Person& person, std::size_t joints, const std::string& where) {
  OksGroundTruth gt;
  gt.keypoints = flatten(person.keypoints, joints);
  if (person.bbox) gt.bbox = {person.bbox->x, person.bbox->y, person.bbox->width, person.bbox->height};
  if (!person.area && !person.bbox) {
    throw Error(ErrorCode::kInput, where, "annotation " + std::to_string(person.id.value_or(0)) + " has neither area nor bbox",
                "add `area`; OKS divides by it");
  }
  gt.area = person.area ? *person.area : person.bbox->width * person.bbox->height;
  gt.iscrowd = person.is_crowd;
  int labelled = 0;
  for (const auto& k : person.keypoints) labelled += k.visibility > 0;
  gt.num_keypoints = person.num_keypoints.value_or(labelled);
  gt.id = person.id.value_or(1);
  return gt;
}

}  // namespace

std::vector<OksImage> make_oks_images(const formats::Sequence& gt, const formats::Sequence& predictions,
                                      std::vector<formats::Skipped>* skipped) {
  const std::size_t joints = gt.joint_names.size();
  std::vector<OksImage> images;
  std::unordered_map<std::int64_t, std::size_t> index;
  for (const auto& frame : gt.frames) {
    index.emplace(frame.image_id, images.size());
    OksImage image{.id = frame.image_id};
    for (const auto& person : frame.persons) {
      image.gt.push_back(annotation(person, joints, gt.name + ": image " + std::to_string(frame.image_id)));
    }
    images.push_back(std::move(image));
  }
  for (const auto& frame : predictions.frames) {
    const auto found = index.find(frame.image_id);
    const std::string where = predictions.name + ": image " + std::to_string(frame.image_id);
    if (found == index.end()) {
      if (!skipped) {
        throw Error(ErrorCode::kInput, where, "the annotations have no such image",
                    "predict the images of this annotation file, or pass --lenient to leave the detections out");
      }
      skipped->push_back(
          {where, "the annotations have no such image; " + std::to_string(frame.persons.size()) + " detections left out"});
      continue;
    }
    for (const auto& person : frame.persons) {
      std::string defect;
      if (person.keypoints.size() != joints) {
        defect =
            "a detection has " + std::to_string(person.keypoints.size()) + " keypoints, the annotations " + std::to_string(joints);
      } else if (!person.score) {
        defect = "a detection has no score";
      }
      if (defect.empty()) {
        images[found->second].dt.push_back({flatten(person.keypoints, joints), *person.score});
      } else if (skipped) {
        skipped->push_back({where, defect + "; left out"});
      } else {
        throw Error(ErrorCode::kInput, where, defect,
                    "write the detections in the annotations' joint order with scores, or pass --lenient");
      }
    }
  }
  return images;
}

}  // namespace vepe::eval
