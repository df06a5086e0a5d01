#include "server/commands/text.h"

#include <gtest/gtest.h>

namespace roktcached::commands {
namespace {

using namespace std::chrono_literals;

TEST(CommandText, SizesHaveTheirUnit) {
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(std::uint64_t{1} << 30), "1.0 GiB");
}

TEST(CommandText, DurationsHaveTheirTwoLargestUnits) {
  EXPECT_EQ(duration_text(0ms), "0 s");
  EXPECT_EQ(duration_text(-5s), "0 s");
  EXPECT_EQ(duration_text(61s), "1 min 1 s");
  EXPECT_EQ(duration_text(60s), "1 min");
  EXPECT_EQ(duration_text(76h + 5min), "3 d 4 h");
  EXPECT_EQ(duration_text(24h + 5min), "1 d");
}

TEST(CommandText, TimesAreUtc) {
  EXPECT_EQ(utc_text(wall_time_from_unix_ms(1'769'862'600'123)), "2026-01-31 12:30:00");
}

TEST(CommandText, SharesOfNothingAreUnknown) {
  EXPECT_EQ(share_text(1, 3), "33.3 %");
  EXPECT_EQ(share_text(0, 0), "-");
}

TEST(CommandText, ALineThatDoesNotFitIsCut) {
  EXPECT_EQ(fitted("12345678", 8), "12345678");
  EXPECT_EQ(fitted("123456789", 8), "12345...");
}

TEST(CommandText, AQueryValueIsPercentEncoded) {
  EXPECT_EQ(query_value("/a?b=c&d=%2F~"), "%2Fa%3Fb%3Dc%26d%3D%252F~");
}

}  // namespace
}  // namespace roktcached::commands
