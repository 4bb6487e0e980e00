#include "model/backbone/backbone.h"

#include "model/backbone/normed_conv.h"

namespace vepe::model {

void Backbone::fold_batch_norm() {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* conv = module->as<NormedConv2dImpl>()) conv->fold();
  }
}

}  // namespace vepe::model
