#include "model/tensor_io.h"

#include <torch/torch.h>

#include <cstring>

#include "core/error.h"

namespace vepe::model {
namespace {

constexpr std::pair<DType, torch::ScalarType> kTypes[] = {
    {DType::kF16, torch::kHalf}, {DType::kBF16, torch::kBFloat16}, {DType::kF32, torch::kFloat}, {DType::kF64, torch::kDouble},
    {DType::kI8, torch::kChar},  {DType::kU8, torch::kByte},       {DType::kI16, torch::kShort}, {DType::kI32, torch::kInt},
    {DType::kI64, torch::kLong}, {DType::kBool, torch::kBool},
};

torch::ScalarType scalar_type(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  throw Error(ErrorCode::kInput, "", "a tensor has a type that cannot be used");
}

DType format_type(torch::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  throw Error(ErrorCode::kOutput, "", "a tensor has a type that safetensors cannot hold");
}

}  // namespace

at::Tensor to_tensor(const TensorView& view) {
  at::Tensor tensor = torch::empty(view.shape, torch::TensorOptions().dtype(scalar_type(view.dtype)));
  if (view.size_bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.size_bytes);
  return tensor;
}

NamedTensors read_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  NamedTensors tensors;
  for (const auto& [name, view] : file.tensors()) tensors[name] = to_tensor(view);
  return tensors;
}

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                   const std::map<std::string, std::string>& metadata) {
  NamedTensors plain;  // keeps the memory alive while it is written
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor contiguous = plain[name] = tensor.detach().cpu().contiguous();
    views[name] = {format_type(contiguous.scalar_type()), contiguous.sizes().vec(),
                   static_cast<const std::byte*>(contiguous.data_ptr()), static_cast<std::size_t>(contiguous.nbytes())};
  }
  write_safetensors(path, views, metadata);
}

}  // namespace vepe::model
