#pragma once

#include <memory>
#include <vector>

#include "data/dataset.h"
#include "eval/coco_oks.h"
#include "model/spatial_model.h"

namespace vepe::train {

struct EvaluateOptions {
  int long_side = 320;        // network input; the short side follows
  int batch = 8;
  int max_people = 20;        // an image
  int workers = 1;            // threads that decode pictures
};

// Detections of a model on a labelled set, in pixels of the stored pictures, with the labels beside them, ready for
// evaluate_oks. The model is put into eval mode and back.
std::vector<eval::OksImage> detect_on(model::SpatialModel& model, std::shared_ptr<const data::Dataset> dataset, const EvaluateOptions& options);

}  // namespace vepe::train
