#pragma once

#include <cstddef>
#include <functional>

namespace vepe::eval {

// Calls task(0) .. task(count - 1) on up to `threads` threads (0: as many as the machine has). Each index runs once;
// results must go to places of their own, so that nothing depends on the number of threads. When tasks throw, all
// others still run and the exception of the lowest index is thrown.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& task);

}  // namespace vepe::eval
