#pragma once

#include <torch/torch.h>

#include "model/tensor_io.h"
#include "train/recipe.h"

namespace vepe::train {

using NamedParameters = std::vector<std::pair<std::string, torch::Tensor>>;

// The parameters of a module, and of a second one whose names do not collide, in the modules' order.
NamedParameters parameters_of(const torch::nn::Module& module, const torch::nn::Module* more = nullptr);

// AdamW over those parameters that require a gradient, with learning rates by name, gradient clipping, and a state that
// can be written and read back exactly.
class Optimizer {
 public:
  // Freezes parameters whose group has rate 0.
  Optimizer(const NamedParameters& parameters, const OptimizerConfig& config);

  // One step at `factor` times the base rate; returns the norm of the gradient before clipping. Clears the gradients.
  double step(double factor);
  void zero_grad();

  model::NamedTensors state() const;                  // "<parameter>.exp_avg", "<parameter>.exp_avg_sq", "step"
  void load_state(const model::NamedTensors& state);  // throws Error(kModel)
  std::int64_t trainable() const;                     // number of scalars

 private:
  struct Item {
    std::string name;
    torch::Tensor parameter, exp_avg, exp_avg_sq;
    double rate;        // relative to the base rate
    double decay;       // biases and norms are not decayed
    std::size_t group;  // of those that are clipped together
  };
  OptimizerConfig config_;
  std::vector<Item> items_;
  std::int64_t steps_ = 0;
};

// Exponential moving average of the floating-point tensors of a state (model::state_of), which it holds on to.
class Ema {
 public:
  Ema(const model::NamedTensors& state, double decay);
  // Averages over min(decay, (1 + updates) / (10 + updates)), so that early weights are forgotten.
  void update();
  void swap();  // exchanges the weights with their average
  model::NamedTensors state() const { return average_; }
  void load_state(const model::NamedTensors& state, std::int64_t updates);
  std::int64_t updates() const { return updates_; }

 private:
  double decay_;
  std::int64_t updates_ = 0;
  model::NamedTensors live_, average_;
};

}  // namespace vepe::train
