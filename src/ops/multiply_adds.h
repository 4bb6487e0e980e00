#pragma once

#include <cstdint>
#include <memory>

namespace vepe::ops {

// Counts the multiply-adds of convolutions and matrix products that run on this thread while it lives.
class MultiplyAddCounter {
 public:
  MultiplyAddCounter();
  ~MultiplyAddCounter();
  std::int64_t count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vepe::ops
