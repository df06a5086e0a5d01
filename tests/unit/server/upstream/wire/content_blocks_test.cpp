#include "server/upstream/wire/content_blocks.h"

#include <gtest/gtest.h>

namespace roktcached::upstream {
namespace {

constexpr std::size_t kib = 1024;

class ContentBlocksTest : public testing::Test {
 protected:
  [[nodiscard]] std::uint64_t counted() const { return bodies.read().all; }
  std::string read_from(std::uint64_t position) {
    std::string read;
    while (position < blocks.end()) {
      const ContentBytes bytes = blocks.from(position);
      position += bytes.bytes.size();
      read += bytes.bytes;
    }
    return read;
  }

  storage::BodyAccount bodies{64 * kib};
  ContentBlocks blocks{bodies, 8 * kib};
};

TEST_F(ContentBlocksTest, AllOfItIsReadFromAnyPosition) {
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i * i);
    blocks.append(piece);
    all += piece;
  }
  EXPECT_EQ(blocks.end(), all.size());
  EXPECT_EQ(blocks.content(), all);
  EXPECT_EQ(counted(), all.size());
  for (std::size_t position = 0; position < all.size(); position += 7)
    ASSERT_EQ(read_from(position), all.substr(position)) << position;
}

TEST_F(ContentBlocksTest, WhatWasHandedOutStaysWhereItIs) {
  blocks.append("first");
  blocks.append("second");
  const ContentBytes given = blocks.from(5);
  const std::string_view before = given.bytes;
  for (int i = 0; i < 1000; ++i) blocks.append("more and more");
  while (blocks.bytes() > 0) blocks.drop_first();
  EXPECT_EQ(before, "second");
}

TEST_F(ContentBlocksTest, ManySmallPiecesAreFewBlocks) {
  for (std::size_t i = 0; i < 32 * kib; ++i) blocks.append("x");
  int dropped = 0;
  for (; blocks.bytes() > 0; ++dropped) blocks.drop_first();
  EXPECT_LE(dropped, 17) << "thirteen that double up to 8 KiB, and four of that size";
}

TEST_F(ContentBlocksTest, BlocksAreDroppedFromTheBeginning) {
  blocks.append(std::string(8 * kib, 'a'));
  blocks.append(std::string(8 * kib, 'b'));
  EXPECT_FALSE(blocks.first_ends_before(8 * kib - 1));
  EXPECT_TRUE(blocks.first_ends_before(8 * kib));
  blocks.drop_first();
  EXPECT_EQ(blocks.begin(), 8 * kib);
  EXPECT_EQ(counted(), 8 * kib);
  EXPECT_FALSE(blocks.first_is_growing()) << "it is full";
  blocks.append("c");
  blocks.drop_first();
  EXPECT_TRUE(blocks.first_is_growing());
  blocks.drop_first();
  EXPECT_EQ(blocks.begin(), blocks.end());
  EXPECT_FALSE(blocks.first_ends_before(blocks.end())) << "there is none";
  EXPECT_EQ(counted(), 0U);
}

TEST_F(ContentBlocksTest, WithoutRoomItIsKeptAndSaysSo) {
  blocks.append(std::string(60 * kib, 'a'));
  EXPECT_FALSE(blocks.short_of_room());
  blocks.append(std::string(8 * kib, 'b'));
  EXPECT_TRUE(blocks.short_of_room());
  EXPECT_EQ(blocks.bytes(), 68 * kib);
  blocks.drop_first();
  EXPECT_TRUE(blocks.short_of_room()) << "the last one is still not counted";
  EXPECT_EQ(counted(), 0U);
  blocks.append("c");
  EXPECT_FALSE(blocks.short_of_room());
  EXPECT_EQ(counted(), 1U);
}

}  // namespace
}  // namespace roktcached::upstream
