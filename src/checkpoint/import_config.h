#pragma once

#include <string>

#include "checkpoint/backbone_names.h"
#include "model/config.h"

namespace vepe::checkpoint {

// The configuration whose model has these tensors; every size comes from a shape. `petr` holds our names outside the
// backbone (empty: a backbone alone, which gets a COCO-17 PETR of the usual size). `file` stands in messages.
// Throws Error(kInput) when a tensor that tells a size is missing or has a shape that fits no PETR.
model::ModelConfig infer_config(const BackboneGuess& backbone, const TensorMap& petr, const std::string& file);

}  // namespace vepe::checkpoint
