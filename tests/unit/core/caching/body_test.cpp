#include "core/caching/body.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>

namespace roktcached::caching {
namespace {

/// Gives memory, and counts what it has given and not got back.
class CountedMemory final : public std::pmr::memory_resource {
 public:
  CountedMemory() : before_(std::pmr::set_default_resource(this)) {}
  ~CountedMemory() override { std::pmr::set_default_resource(before_); }
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;

  std::size_t bytes = 0;
  std::size_t blocks = 0;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    bytes += size;
    ++blocks;
    return before_->allocate(size, alignment);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    bytes -= size;
    --blocks;
    before_->deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::pmr::memory_resource* const before_;
};

std::string octets_of(std::size_t size) {
  std::string octets;
  while (octets.size() < size) octets += static_cast<char>(octets.size() * 7);
  return octets;
}

TEST(BodyTest, IsItsOctetsWhereverTheyAre) {
  for (const std::size_t size : {std::size_t{1}, short_body_max, short_body_max + 1, std::size_t{10'000}}) {
    const std::string mapped = octets_of(size);
    const FilePlace place{7, 4096};
    const Body in_file(mapped, &place);
    const BodyPtr in_memory = share_body(mapped);
    for (const Body* body : {&in_file, in_memory.get()}) {
      EXPECT_TRUE(*body == mapped);
      EXPECT_FALSE(*body == std::string_view(mapped).substr(1));
      EXPECT_EQ(body->size(), size);
      EXPECT_FALSE(body->empty());
    }
    EXPECT_TRUE(in_file == *in_memory);
    EXPECT_EQ(in_file.data(), mapped.data()) << "it copies nothing";
    EXPECT_NE(in_memory->data(), mapped.data());
  }
}

TEST(BodyTest, SaysWhereItStandsInAFile) {
  const FilePlace place{7, 4096};
  const Body in_file("text", &place);
  EXPECT_EQ(in_file.place(), &place);
  EXPECT_EQ(share_body("text")->place(), nullptr);
  EXPECT_EQ(share_body(octets_of(10'000))->place(), nullptr);
  EXPECT_EQ(no_body()->place(), nullptr);
}

TEST(BodyTest, TakesOneAllocationWhereItIsShort) {
  CountedMemory memory;
  BodyPtr body = share_body(octets_of(short_body_max));
  EXPECT_EQ(memory.blocks, 1U);
  EXPECT_LE(memory.bytes, body->memory_size());
  EXPECT_LE(body->memory_size(), short_body_max + 80);
  EXPECT_LE(share_body(octets_of(1024))->memory_size(), 1024U + 64) << "it takes more than it did";
  body = nullptr;
  EXPECT_EQ(memory.blocks, 0U);
  EXPECT_EQ(memory.bytes, 0U);
}

TEST(BodyTest, KeepsTheStringThatALongOneCameIn) {
  std::string text = octets_of(short_body_max + 1);
  text.shrink_to_fit();
  const char* const octets = text.data();
  EXPECT_EQ(share_body(std::move(text))->data(), octets);
}

TEST(BodyTest, ANothingIsOneForAll) {
  EXPECT_EQ(share_body(""), no_body());
  EXPECT_EQ(no_body()->memory_size(), 0U);
}

TEST(BodyTest, TakesWholePagesOfAFile) {
  const std::string mapped(200'000, 'x');
  const FilePlace place{7, 4096};
  const std::size_t takes = Body(mapped, &place).memory_size();
  EXPECT_GE(takes, 200'000U + sizeof(Body));
  EXPECT_LT(takes, 200'000U + 65'536U + 256U);  // the largest page of any machine, and what counts it
}

}  // namespace
}  // namespace roktcached::caching
