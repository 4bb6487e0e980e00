#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vepe {

// The first touch of a 4 KB page costs 4 to 20 us on virtual machines, more than filling it with results; a page of 2 MB
// costs little more than one of 4 KB.

// A range of addresses of the heap.
struct HeapPart {
  std::uintptr_t begin = 0, end = 0;
};

// Has the next `bytes` (at most 900 MB) that malloc takes from the kernel come in pages of 2 MB. Uses no memory. Without
// effect where malloc gives large blocks back to the kernel (its default; vepe's main sets the thresholds) or where the
// kernel has no such pages. Returns the part of the heap that was advised.
HeapPart advise_huge_heap(std::size_t bytes);

// The same for a reader that does not know how much memory its result takes: it says where its last block lies, and
// more is advised when that comes near the end.
class GrowingHeap {
 public:
  // `expected_bytes` may be wrong; nothing is done for small ones.
  explicit GrowingHeap(std::size_t expected_bytes);
  void reached(const void* block) {
    const auto place = reinterpret_cast<std::uintptr_t>(block);
    if (place >= near_end_ && place < end_) advise_more();
  }

 private:
  void advise_more();
  void set_end(std::uintptr_t end);

  std::uintptr_t near_end_ = 0, end_ = 0;
};

// The same for a thread that the program started: malloc gives such threads heaps of 64 MB, each aligned to its size,
// and grows them 4 KB at a time.
class ThreadHeap {
 public:
  // `expected_bytes` may be wrong; nothing is done for small ones.
  explicit ThreadHeap(std::size_t expected_bytes);
  ~ThreadHeap();
  ThreadHeap(const ThreadHeap&) = delete;
  ThreadHeap& operator=(const ThreadHeap&) = delete;
  void reached(const void* block) {
    const auto place = reinterpret_cast<std::uintptr_t>(block);
    if (place >= near_end_ && place < end_) advise_more();
  }

 private:
  void advise_more();

  std::uintptr_t near_end_ = 0, end_ = 0;
  std::vector<void*> pins_;
};

}  // namespace vepe
