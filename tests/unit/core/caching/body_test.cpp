#include "core/caching/body.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace roktcached::caching {
namespace {

TEST(BodyTest, IsItsOctetsWhereverTheyAre) {
  const std::string mapped(10'000, 'x');
  const Body in_file(mapped, FilePlace{7, 4096});
  const Body in_memory(mapped);
  for (const Body* body : {&in_file, &in_memory}) {
    EXPECT_TRUE(*body == mapped);
    EXPECT_FALSE(*body == std::string_view(mapped).substr(1));
    EXPECT_EQ(body->size(), 10'000U);
    EXPECT_FALSE(body->empty());
  }
  EXPECT_TRUE(in_file == in_memory);
  EXPECT_EQ(in_file.data(), mapped.data()) << "it copies nothing";
  EXPECT_NE(in_memory.data(), mapped.data());
}

TEST(BodyTest, SaysWhereItStandsInAFile) {
  const Body in_file("text", FilePlace{7, 4096});
  ASSERT_NE(in_file.place(), nullptr);
  EXPECT_EQ(in_file.place()->descriptor, 7);
  EXPECT_EQ(in_file.place()->offset, 4096U);
  EXPECT_EQ(Body(std::string("text")).place(), nullptr);
  EXPECT_EQ(no_body()->place(), nullptr);
}

TEST(BodyTest, TakesWholePagesOfAFile) {
  const std::string mapped(200'000, 'x');
  const std::size_t takes = Body(mapped, FilePlace{7, 4096}).memory_size();
  EXPECT_GE(takes, 200'000U);
  EXPECT_EQ(takes % 4096, 0U);
  EXPECT_LT(takes, 200'000U + 65'536U);  // the largest page of any machine
  EXPECT_EQ(no_body()->memory_size(), 0U);
  EXPECT_EQ(share_body(std::string(1000, 'x'))->memory_size(), 1001U);
}

}  // namespace
}  // namespace roktcached::caching
