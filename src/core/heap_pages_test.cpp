#include "core/heap_pages.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <thread>
#include <vector>

namespace vepe {
namespace {

TEST(HeapPages, AdviceIsBoundedAndUsesNoMemory) {
  const HeapPart part = advise_huge_heap(std::size_t{256} << 20);
  EXPECT_LE(part.begin, part.end);
  EXPECT_LE(part.end - part.begin, std::size_t{256} << 20);
  EXPECT_EQ(advise_huge_heap(1).end, 0u);
  const HeapPart all = advise_huge_heap(~std::size_t{0});
  EXPECT_LE(all.end - all.begin, std::size_t{1} << 30);
}

// More blocks than were expected, of which some lie near the end of the advised part and beyond it.
TEST(HeapPages, BlocksOfAGrowingHeapKeepTheirContent) {
  GrowingHeap heap(std::size_t{33} << 20);
  std::vector<std::unique_ptr<std::vector<unsigned>>> blocks;
  for (unsigned i = 0; i < 20000; ++i) {
    blocks.push_back(std::make_unique<std::vector<unsigned>>(1000, i));
    heap.reached(blocks.back()->data());
  }
  for (unsigned i = 0; i < blocks.size(); ++i) {
    ASSERT_EQ(blocks[i]->front(), i);
    ASSERT_EQ(blocks[i]->back(), i);
  }
  heap.reached(nullptr);
  heap.reached(reinterpret_cast<const void*>(~std::uintptr_t{0}));
}

// The program's settings of malloc, under which the advice has its effect, hold for this process from here on.
TEST(HeapPages, BlocksOfThreadsKeepTheirContent) {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  using Blocks = std::vector<std::unique_ptr<std::vector<unsigned>>>;
  Blocks blocks[2];
  for (int round = 0; round < 2; ++round) {  // the second round's threads get the heaps of the first one's
    std::vector<std::thread> threads;
    for (Blocks& mine : blocks) {
      threads.emplace_back([&mine] {
        ThreadHeap heap(std::size_t{200} << 20);
        for (unsigned i = 0; i < 40000; ++i) {
          mine.push_back(std::make_unique<std::vector<unsigned>>(500 + i % 7, i));
          heap.reached(mine.back()->data());
        }
        heap.reached(nullptr);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const Blocks& some : blocks) {
    ASSERT_EQ(some.size(), 80000u);
    for (unsigned i = 0; i < some.size(); ++i) {
      ASSERT_EQ(some[i]->front(), i % 40000);
      ASSERT_EQ(some[i]->back(), i % 40000);
    }
  }
}

TEST(HeapPages, ASmallJobDoesNothing) {
  ThreadHeap thread_heap(1000);
  thread_heap.reached(&thread_heap);
  GrowingHeap heap(1000);
  const int local = 0;
  heap.reached(&local);
  heap.reached(nullptr);
}

}  // namespace
}  // namespace vepe
