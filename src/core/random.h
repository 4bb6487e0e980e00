#pragma once

#include <cstdint>

namespace vepe {

// A small seeded generator (SplitMix64). Its numbers depend on nothing but the seed: not on the standard
// library, the platform or the thread. `Random(seed, epoch, index)` gives every sample a stream of its own,
// so data is the same at any worker count.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t substream = 0);

  std::uint64_t next();                                       // 64 uniform bits
  double uniform();                                           // [0, 1)
  double uniform(double low, double high);                    // [low, high)
  std::int64_t integer(std::int64_t low, std::int64_t high);  // [low, high], both ends
  double normal();                                            // mean 0, variance 1
  bool chance(double probability) { return uniform() < probability; }

  std::uint64_t state() const { return state_; }
  void set_state(std::uint64_t state) { state_ = state; }

 private:
  std::uint64_t state_;
};

}  // namespace vepe
