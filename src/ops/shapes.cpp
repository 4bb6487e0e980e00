#include "ops/shapes.h"

#include <fmt/format.h>

#include "core/error.h"

namespace vepe::ops {

std::int64_t token_count(const LevelShapes& shapes) {
  std::int64_t count = 0;
  for (const LevelShape& shape : shapes) count += shape.height * shape.width;
  return count;
}

void expect_shape(const at::Tensor& tensor, std::initializer_list<std::int64_t> shape, std::string_view name) {
  const auto sizes = tensor.sizes();
  bool fits = sizes.size() == shape.size();
  std::size_t axis = 0;
  for (const std::int64_t want : shape) {
    if (!fits) break;
    fits = want < 0 || sizes[axis] == want;
    ++axis;
  }
  if (fits) return;
  throw Error(ErrorCode::kUsage, std::string(name),
              fmt::format("got [{}], want [{}]", fmt::join(sizes, ", "), fmt::join(shape, ", ")));
}

}  // namespace vepe::ops
