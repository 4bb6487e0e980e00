#include "train/optimizer.h"

#include <cmath>

#include "core/error.h"
#include "model/model_file.h"

namespace vepe::train {
namespace {

// The first group that a parameter belongs to; groups.size() for the rest.
std::size_t group_of(const std::string& name, const OptimizerConfig& config) {
  std::size_t group = 0;
  while (group < config.groups.size() && name.find(config.groups[group].match) == std::string::npos) ++group;
  return group;
}

}  // namespace

NamedParameters parameters_of(const torch::nn::Module& module, const torch::nn::Module* more) {
  NamedParameters parameters;
  for (const torch::nn::Module* part : {&module, more}) {
    if (!part) continue;
    for (const auto& item : part->named_parameters()) parameters.emplace_back(item.key(), item.value());
  }
  return parameters;
}

Optimizer::Optimizer(const NamedParameters& parameters, const OptimizerConfig& config) : config_(config) {
  for (const auto& [name, tensor] : parameters) {
    torch::Tensor parameter = tensor;
    const std::size_t group = group_of(name, config);
    const double rate = group < config.groups.size() ? config.groups[group].lr : 1;
    if (rate == 0) parameter.set_requires_grad(false);
    if (!parameter.requires_grad()) continue;
    items_.push_back({name, parameter, torch::zeros_like(parameter), torch::zeros_like(parameter), rate,
                      parameter.dim() > 1 ? config.weight_decay : 0.0, config.clip_each_group ? group : 0});
  }
  if (items_.empty())
    throw Error(ErrorCode::kUsage, "optimizer.group", "freezes every parameter", "give some group a rate above 0");
}

// AdamW (Loshchilov and Hutter): decoupled weight decay, bias-corrected moments.
double Optimizer::step(double factor) {
  torch::NoGradGuard no_grad;
  std::vector<double> squares(config_.groups.size() + 1, 0.0);
  for (const Item& item : items_) {
    if (item.parameter.grad().defined()) squares[item.group] += item.parameter.grad().pow(2).sum(torch::kDouble).item<double>();
  }
  double square = 0;
  std::vector<double> clip;
  for (const double part : squares) {
    square += part;
    const double norm = std::sqrt(part);
    clip.push_back(config_.clip > 0 && norm > config_.clip ? config_.clip / (norm + 1e-6) : 1);
  }
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) {
    zero_grad();
    return norm;  // the caller decides; the weights are untouched
  }
  ++steps_;
  const double correction1 = 1 - std::pow(config_.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(config_.beta2, static_cast<double>(steps_));
  for (Item& item : items_) {
    if (!item.parameter.grad().defined()) continue;
    const torch::Tensor gradient = item.parameter.grad() * clip[item.group];
    const double lr = config_.lr * item.rate * factor;
    item.exp_avg.mul_(config_.beta1).add_(gradient, 1 - config_.beta1);
    item.exp_avg_sq.mul_(config_.beta2).addcmul_(gradient, gradient, 1 - config_.beta2);
    item.parameter.mul_(1 - lr * item.decay);
    const torch::Tensor denominator = (item.exp_avg_sq / correction2).sqrt_().add_(1e-8);
    item.parameter.addcdiv_(item.exp_avg, denominator, -lr / correction1);
  }
  zero_grad();
  return norm;
}

void Optimizer::zero_grad() {
  for (Item& item : items_) item.parameter.mutable_grad() = torch::Tensor();
}

model::NamedTensors Optimizer::state() const {
  model::NamedTensors state;
  for (const Item& item : items_) {
    state[item.name + ".exp_avg"] = item.exp_avg;
    state[item.name + ".exp_avg_sq"] = item.exp_avg_sq;
  }
  state["step"] = torch::tensor({steps_});
  return state;
}

void Optimizer::load_state(const model::NamedTensors& state) {
  torch::NoGradGuard no_grad;
  const auto get = [&](const std::string& name, const torch::Tensor& like) {
    const auto found = state.find(name);
    if (found == state.end() || (like.defined() && found->second.sizes() != like.sizes())) {
      throw Error(ErrorCode::kModel, "optimizer state", "does not fit the recipe at " + name,
                  "resume with the recipe that the run began with");
    }
    return found->second;
  };
  for (Item& item : items_) {
    item.exp_avg.copy_(get(item.name + ".exp_avg", item.exp_avg));
    item.exp_avg_sq.copy_(get(item.name + ".exp_avg_sq", item.exp_avg_sq));
  }
  steps_ = get("step", {}).item<std::int64_t>();
}

std::int64_t Optimizer::trainable() const {
  std::int64_t count = 0;
  for (const Item& item : items_) count += item.parameter.numel();
  return count;
}

Ema::Ema(const model::NamedTensors& state, double decay) : decay_(decay) {
  for (const auto& [name, tensor] : state) {
    if (!tensor.is_floating_point()) continue;
    live_[name] = tensor;
    average_[name] = tensor.detach().clone();
  }
}

void Ema::update() {
  torch::NoGradGuard no_grad;
  ++updates_;
  const double decay = std::min(decay_, (1.0 + static_cast<double>(updates_)) / (10.0 + static_cast<double>(updates_)));
  for (auto& [name, average] : average_) average.mul_(decay).add_(live_.at(name), 1 - decay);
}

void Ema::swap() {
  torch::NoGradGuard no_grad;
  for (auto& [name, average] : average_) {
    torch::Tensor& live = live_.at(name);
    const torch::Tensor kept = live.detach().clone();
    live.copy_(average);
    average.copy_(kept);
  }
}

void Ema::load_state(const model::NamedTensors& state, std::int64_t updates) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : average_) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != tensor.sizes()) {
      throw Error(ErrorCode::kModel, "averaged weights", "do not fit the model at " + name,
                  "resume with the recipe that the run began with");
    }
    tensor.copy_(found->second);
  }
  updates_ = updates;
}

}  // namespace vepe::train
