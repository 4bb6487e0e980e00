#pragma once

#include <memory>

#include "model/backbone/backbone.h"
#include "model/config.h"

namespace vepe::model {

// The backbone that a config names (all but the small trunk, which SpatialModel holds itself).
std::shared_ptr<Backbone> make_backbone(const BackboneConfig& config);

}  // namespace vepe::model
