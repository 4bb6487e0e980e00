#include "core/heap_pages.h"

#include <gtest/gtest.h>

#include <memory>
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

TEST(HeapPages, ASmallJobDoesNothing) {
  GrowingHeap heap(1000);
  const int local = 0;
  heap.reached(&local);
  heap.reached(nullptr);
}

}  // namespace
}  // namespace vepe
