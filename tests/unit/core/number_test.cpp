#include "core/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace roktcached {

namespace {

TEST(Number, IsTheWholeText) {
  EXPECT_EQ(parse_number<int>("0"), 0);
  EXPECT_EQ(parse_number<int>("-12"), -12);
  EXPECT_EQ(parse_number<double>("1.5"), 1.5);
  for (const char* none : {"", " 1", "1 ", "+1", "1a", "-", "0x1", "1.5"})
    EXPECT_EQ(parse_number<int>(none), std::nullopt) << none;
}

TEST(Number, Fits) {
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<std::uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_number<std::uint16_t>("-1"), std::nullopt);
}

TEST(GroupedTest, SetsThousandsApart) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(12'480), "12,480");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
}

}  // namespace

}  // namespace roktcached
