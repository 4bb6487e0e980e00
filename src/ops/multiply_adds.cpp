#include "ops/multiply_adds.h"

#include <torch/torch.h>

#include <ATen/record_function.h>

#include <atomic>
#include <string_view>

namespace vepe::ops {
namespace {

thread_local std::int64_t* tl_count = nullptr;

std::int64_t elements(const at::Tensor& t) { return t.numel(); }

// Shapes of the inputs decide: convolution = output elements x weights of one output; product = rows x inner x columns.
std::unique_ptr<at::ObserverContext> observe(const at::RecordFunction& function) {
  if (!tl_count) return nullptr;
  const std::string_view name = function.name();
  const auto& inputs = function.inputs();
  const auto tensor = [&](std::size_t i) {
    return i < inputs.size() && inputs[i].isTensor() ? inputs[i].toTensor() : at::Tensor();
  };
  if (name == "aten::convolution") {
    const at::Tensor x = tensor(0), weight = tensor(1);
    const auto stride = inputs[3].toIntVector(), padding = inputs[4].toIntVector();
    const std::int64_t H = (x.size(2) + 2 * padding[0] - weight.size(2)) / stride[0] + 1;
    const std::int64_t W = (x.size(3) + 2 * padding.back() - weight.size(3)) / stride.back() + 1;
    *tl_count += x.size(0) * H * W * elements(weight);
  } else if (name == "aten::mm" || name == "aten::bmm") {
    *tl_count += elements(tensor(0)) * tensor(1).size(-1);
  } else if (name == "aten::addmm") {
    *tl_count += elements(tensor(1)) * tensor(2).size(-1);
  }
  return nullptr;
}

}  // namespace

struct MultiplyAddCounter::State {
  std::int64_t count = 0;
  std::int64_t* before = nullptr;
  at::CallbackHandle handle{};
};

MultiplyAddCounter::MultiplyAddCounter() : state_(std::make_unique<State>()) {
  state_->before = tl_count;
  tl_count = &state_->count;
  state_->handle = at::addThreadLocalCallback(at::RecordFunctionCallback(observe).needsInputs(true));
}

MultiplyAddCounter::~MultiplyAddCounter() {
  at::removeCallback(state_->handle);
  tl_count = state_->before;
}

std::int64_t MultiplyAddCounter::count() const { return state_->count; }

}  // namespace vepe::ops
