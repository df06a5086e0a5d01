#include "storage/slab_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "core/caching/stored_response.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

/// Gives memory, and counts what it has given and not got back.
class CountedMemory final : public std::pmr::memory_resource {
 public:
  std::size_t bytes = 0;
  std::size_t blocks = 0;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    void* const memory = std::pmr::new_delete_resource()->allocate(size, alignment);
    bytes += size;
    ++blocks;
    return memory;
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    bytes -= size;
    --blocks;
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

/// A block that knows what was written into it.
struct WrittenBlock {
  std::uint8_t* memory;
  std::size_t size;
  std::uint8_t octet;

  [[nodiscard]] bool is_intact() const {
    return std::all_of(memory, memory + size, [this](std::uint8_t is) { return is == octet; });
  }
};

constexpr std::size_t alignment = alignof(void*);

WrittenBlock write_block(std::pmr::memory_resource& slabs, std::size_t size, std::uint8_t octet) {
  auto* const memory = static_cast<std::uint8_t*>(slabs.allocate(size, alignment));
  std::fill_n(memory, size, octet);
  return {memory, size, octet};
}

TEST(SlabMemoryTest, ABlockCostsAWordMoreAndNoOtherHeader) {
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  constexpr std::size_t size = 616;
  constexpr std::size_t count = 10'000;
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(slabs.allocate(size, alignment));
  constexpr std::size_t block = size + sizeof(void*);
  EXPECT_LE(upstream.bytes, count * block * 102 / 100) << "and what is left at the ends of slabs";
  for (void* const block : blocks) slabs.deallocate(block, size, alignment);
  EXPECT_EQ(upstream.bytes, 0U);
}

TEST(SlabMemoryTest, WhatIsFreeIsUsedAgainBeforeAnotherSlabIsTaken) {
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  std::vector<void*> blocks;
  blocks.reserve(1000);
  for (int i = 0; i < 1000; ++i) blocks.push_back(slabs.allocate(600, alignment));
  const std::size_t before = upstream.bytes;
  for (std::size_t i = 0; i < blocks.size(); i += 2) slabs.deallocate(blocks[i], 600, alignment);
  for (std::size_t i = 0; i < blocks.size(); i += 2) blocks[i] = slabs.allocate(600, alignment);
  EXPECT_EQ(upstream.bytes, before);
  for (void* const block : blocks) slabs.deallocate(block, 600, alignment);
  EXPECT_EQ(upstream.bytes, 0U);
}

TEST(SlabMemoryTest, LargeBlocksAndThoseOfAnotherAlignmentComeFromUpstream) {
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  void* const large = slabs.allocate(SlabMemory::largest_block + 1, alignment);
  EXPECT_EQ(upstream.bytes, SlabMemory::largest_block + 1);
  void* const aligned = slabs.allocate(128, 64);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned) % 64, 0U);
  EXPECT_EQ(upstream.blocks, 2U);
  slabs.deallocate(large, SlabMemory::largest_block + 1, alignment);
  slabs.deallocate(aligned, 128, 64);
  EXPECT_EQ(upstream.bytes, 0U);
}

TEST(SlabMemoryTest, BlocksOfAnySizeKeepWhatIsWrittenBlock) {
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  std::minstd_rand random(7);
  std::vector<WrittenBlock> blocks;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 3 == 0 && !blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      ASSERT_TRUE(blocks.back().is_intact());
      slabs.deallocate(blocks.back().memory, blocks.back().size, alignment);
      blocks.pop_back();
    } else {
      blocks.push_back(
          write_block(slabs, random() % (SlabMemory::largest_block + 2), static_cast<std::uint8_t>(i)));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().memory) % alignment, 0U);
    }
  }
  for (const WrittenBlock& block : blocks) {
    ASSERT_TRUE(block.is_intact());
    slabs.deallocate(block.memory, block.size, alignment);
  }
  EXPECT_EQ(upstream.bytes, 0U) << "all slabs are given back";
}

TEST(SlabMemoryTest, AnotherThreadMayGiveABlockBack) {
  SlabMemory slabs;
  std::vector<std::thread> threads;
  for (std::uint8_t number = 1; number <= 4; ++number) {
    threads.emplace_back([&slabs, number] {
      for (int round = 0; round < 100; ++round) {
        std::vector<WrittenBlock> blocks;
        blocks.reserve(50);
        for (int i = 0; i < 50; ++i) blocks.push_back(write_block(slabs, 700, number));
        std::thread([&] {
          for (const WrittenBlock& block : blocks) {
            EXPECT_TRUE(block.is_intact());
            slabs.deallocate(block.memory, block.size, alignment);
          }
        }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// Takes std::pmr's default resource's place for as long as it lives.
class DefaultMemory {
 public:
  explicit DefaultMemory(std::pmr::memory_resource& memory)
      : before_(std::pmr::set_default_resource(&memory)) {}
  ~DefaultMemory() { std::pmr::set_default_resource(before_); }
  DefaultMemory(const DefaultMemory&) = delete;
  DefaultMemory& operator=(const DefaultMemory&) = delete;

 private:
  std::pmr::memory_resource* const before_;
};

/// What the memory tier is told that entries take bounds it, so it must be true. Slabs may have some room
/// more, at their ends.
TEST(SlabMemoryTest, AResponseTakesWhatItSaysAndIsSmall) {
  constexpr int count = 10'000;
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  const DefaultMemory installed(slabs);
  std::vector<StoredResponsePtr> responses;
  std::size_t said = 0;
  std::size_t bodies = 0;
  for (int i = 0; i < count; ++i) {
    responses.push_back(examples::shared(examples::response(count + i, std::string(1024, 'a'))));
    said += responses.back()->memory_size();
    bodies += responses.back()->body->memory_size();
  }
  EXPECT_NEAR(static_cast<double>(upstream.bytes), static_cast<double>(said), static_cast<double>(said) / 50);
  EXPECT_LE((said - bodies) / count, 544U) << "an entry takes more beside its body than it did";
  EXPECT_LE(bodies / count, 1088U) << "so does its body";
  responses.clear();
  EXPECT_EQ(upstream.bytes, 0U);
}

/// One of fifty answers is asked for again and again, and what comes is each time a little longer than what
/// goes, so that slabs which are nearly empty stay.
/// @param body_size  of the first answers
void expect_waste_to_count(std::size_t body_size) {
  constexpr std::uint64_t budget = std::uint64_t{8} << 20;
  constexpr int at_once = 20'000;
  constexpr int rounds = 6;
  CountedMemory upstream;
  SlabMemory slabs(&upstream);
  const DefaultMemory installed(slabs);
  MemoryStore store(budget, &slabs);
  std::vector<caching::Key> hot;
  for (int round = 0; round < rounds; ++round) {
    const std::string longer(static_cast<std::size_t>(round) * 48, 'a');
    for (int i = 0; i < at_once; ++i) {
      StoredResponse made = examples::response(round * at_once + i);
      made.body = caching::no_body();
      if (body_size > 0) made.body = caching::share_body(std::string(body_size + longer.size(), 'b'));
      made.head = caching::Text("Longer: " + longer + "\r\n");
      if (i % 50 == 0 && hot.size() < 200) hot.push_back(made.key);
      store.put(examples::shared(std::move(made)));
      if (i % 10 == 0) static_cast<void>(store.find(hot[static_cast<std::size_t>(i / 10) % hot.size()], {}));
    }
    EXPECT_LT(upstream.bytes, budget * 21 / 20) << round;
  }
  EXPECT_GT(upstream.bytes, budget / 2) << "the room is used";
}

TEST(SlabMemoryTest, WhatSlabsWasteCountsInTheMemoryTier) {
  expect_waste_to_count(0);
}

TEST(SlabMemoryTest, SoDoesWhatBodiesWasteThere) {
  expect_waste_to_count(500);
}

}  // namespace
}  // namespace roktcached::storage
