#pragma once

#include <torch/nn/module.h>

namespace vepe::model {

// A module without a forward of its own: it only gives its children their place in the names.
class NameScope : public torch::nn::Module {};

}  // namespace vepe::model
