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

// What glibc reserves for each heap of a thread.
constexpr std::size_t kThreadHeap = std::size_t{64} << 20, kThreadNear = std::size_t{4} << 20, kFill = std::size_t{64} << 10;
constexpr std::size_t kBlockOverhead = 128;  // more than malloc keeps beside a block and at the end of a heap

#ifndef MADV_COLLAPSE  // Linux 6.1
#define MADV_COLLAPSE 25
#endif

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

ThreadHeap::ThreadHeap(std::size_t expected_bytes) {
  if (expected_bytes >= kSmall) advise_more();
}

ThreadHeap::~ThreadHeap() {
  for (void* pin : pins_) std::free(pin);
}

void ThreadHeap::advise_more() {
  near_end_ = end_ = 0;
  // Fills up the heap at hand until malloc starts another one. One large block would do that too, but malloc gives a
  // new heap back at once when the one before has room.
  std::vector<void*> fill;
  try {  // advice is worth no failure
    fill.reserve(2 * kThreadHeap / kFill);
    pins_.reserve(pins_.size() + 1);
  } catch (const std::bad_alloc&) {
    return;
  }
  std::uintptr_t heap = 0;
  for (std::size_t bytes = 0; heap == 0 && bytes < 2 * kThreadHeap; bytes += kFill) {
    void* block = std::malloc(kFill);
    if (block == nullptr) break;
    fill.push_back(block);
    const auto place = reinterpret_cast<std::uintptr_t>(fill.back());
    if (place % kThreadHeap < kFill) heap = place - place % kThreadHeap;
  }
  if (heap != 0) {
    // Grows the new heap to its full size in one step, not by 4 KB each time.
    const std::uintptr_t filled = reinterpret_cast<std::uintptr_t>(fill.back()) + kFill;
    void* rest = std::malloc(heap + kThreadHeap - filled - kBlockOverhead);
    const auto place = reinterpret_cast<std::uintptr_t>(rest);
    if (place >= heap && place < heap + kThreadHeap && ::madvise(reinterpret_cast<void*>(heap), kThreadHeap, MADV_HUGEPAGE) == 0) {
      end_ = heap + kThreadHeap;
      near_end_ = end_ - kThreadNear;
      // Both ends have been touched, so without this they would stay small pages.
      ::madvise(reinterpret_cast<void*>(heap), kHugePage, MADV_COLLAPSE);
      ::madvise(reinterpret_cast<void*>(end_ - kHugePage), kHugePage, MADV_COLLAPSE);
    }
    std::free(rest);
    // A heap without any block would be given back.
    void* pin = std::realloc(fill.back(), 1);
    pins_.push_back(pin != nullptr ? pin : fill.back());
    fill.pop_back();
  }
  for (void* block : fill) std::free(block);
}

}  // namespace vepe
