#include "model/backbone/freeze.h"

#include <torch/nn/modules/batchnorm.h>

#include "core/error.h"

namespace vepe::model {

void check_out_stages(const std::vector<int>& stages, int low, int high) {
  bool good = !stages.empty();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    good = good && stages[i] >= low && stages[i] <= high && (i == 0 || stages[i] > stages[i - 1]);
  }
  if (good) return;
  throw Error(ErrorCode::kUsage, "backbone", "the output stages are not an ascending list",
              "name stages from " + std::to_string(low) + " to " + std::to_string(high) + ", each once");
}

void stop_gradients(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(false);
}

void set_norms_to_eval(torch::nn::Module& module) {
  for (const auto& child : module.modules()) {
    if (child->as<torch::nn::BatchNorm2dImpl>()) child->eval();
  }
}

}  // namespace vepe::model
