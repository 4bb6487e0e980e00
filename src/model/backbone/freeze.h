#pragma once

#include <vector>

#include <torch/nn/module.h>

namespace vepe::model {

// Throws Error(kUsage) unless `stages` is ascending, not empty, and within low..high.
void check_out_stages(const std::vector<int>& stages, int low, int high);

// Parts of a network that do not train.
void stop_gradients(torch::nn::Module& module);     // no parameter of it gets a gradient
void set_norms_to_eval(torch::nn::Module& module);  // its batch norms use their running statistics

}  // namespace vepe::model
