#pragma once

#include <memory>
#include <vector>

#include "data/dataset.h"
#include "eval/coco_oks.h"
#include "train/network.h"

namespace vepe::train {

// Puts the modules into eval mode, and back at its end.
class EvalMode {
 public:
  explicit EvalMode(const Network& network);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Network network_;  // shares the modules
  bool spatial_, temporal_;
};

struct EvaluateOptions {
  int long_side = 320;  // network input; the short side follows
  int batch = 8;
  int max_people = 20;  // an image
  int workers = 1;      // threads that decode pictures
};

// Detections of a model on a labelled set, in pixels of the stored pictures, with the labels beside them, ready for
// evaluate_oks. With a temporal phase every picture is the key frame of its window (stills: the picture T times). The modules
// are put into eval mode and back.
std::vector<eval::OksImage> detect_on(const Network& network, std::shared_ptr<const data::Dataset> dataset,
                                      const EvaluateOptions& options);

}  // namespace vepe::train
