#include "core/heap_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace vepe {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// Below the size from which malloc maps blocks and gives them back, as vepe's main sets it.
constexpr std::size_t kMostAdvised = std::size_t{900} << 20;
constexpr std::size_t kSmall = std::size_t{32} << 20, kNear = std::size_t{32} << 20;

std::uintptr_t round_down(std::uintptr_t place) { return place / kHugePage * kHugePage; }

}  // namespace

HeapPart advise_huge_heap(std::size_t bytes) {
  bytes = std::min(bytes, kMostAdvised);
  if (bytes < 2 * kHugePage) return {};
  void* block = std::malloc(bytes);
  if (block == nullptr) return {};
  const auto begin = reinterpret_cast<std::uintptr_t>(block);
  const HeapPart part{round_down(begin + kHugePage - 1), round_down(begin + bytes)};
  const bool advised = ::madvise(reinterpret_cast<void*>(part.begin), part.end - part.begin, MADV_HUGEPAGE) == 0;
  std::free(block);
  return advised ? part : HeapPart{};
}

GrowingHeap::GrowingHeap(std::size_t expected_bytes) {
  if (expected_bytes >= kSmall) set_end(advise_huge_heap(expected_bytes).end);
}

void GrowingHeap::set_end(std::uintptr_t end) {
  end_ = end;
  near_end_ = end - std::min<std::uintptr_t>(end, kNear);
}

void GrowingHeap::advise_more() {
  const HeapPart more = advise_huge_heap(kMostAdvised);
  set_end(more.begin <= end_ && more.end > end_ ? more.end : 0);
}

}  // namespace vepe
