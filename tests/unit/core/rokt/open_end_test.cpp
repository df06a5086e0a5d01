#include "core/rokt/open_end.h"

#include <gtest/gtest.h>

#include "core/rokt/date_range.h"

namespace roktcached::rokt {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view zone = "America/New_York";

/// The instant that a local time in New York is.
WallTime at(std::string_view text) {
  return range_end(*DateParameter::parse(text), *TimeZone::find(zone));
}

std::string rounded(std::string_view end, std::string_view now, std::chrono::milliseconds step,
                    std::string_view start = "2026-11-01") {
  const auto result = open_end(start, end, zone, at(now), step);
  return result && !result->rounded.empty() ? result->rounded : "-";
}

TEST(OpenEndTest, AnEndThatIsAboutNowIsRoundedDownToAStep) {
  EXPECT_EQ(rounded("2026-11-29T14:37:22.123", "2026-11-29T14:37:23", 15min), "2026-11-29T14:30:00.000");
  EXPECT_EQ(rounded("2026-11-29T14:37:22", "2026-11-29T14:37:20", 1min), "2026-11-29T14:37:00.000");
  EXPECT_EQ(rounded("2026-11-29T00:10:00", "2026-11-29T00:10:00", 1h), "2026-11-29T00:00:00.000");
}

TEST(OpenEndTest, AnyOtherEndStaysAsItIs) {
  EXPECT_EQ(rounded("2026-11-29T14:37:22", "2026-11-29T14:37:23", 0min), "-");
  EXPECT_EQ(rounded("2026-11-29", "2026-11-29T23:59:59", 15min), "-");
  EXPECT_EQ(rounded("2026-11-29T14:30:00", "2026-11-29T14:37:23", 15min), "-");
  EXPECT_EQ(rounded("2026-11-29T14:22:22", "2026-11-29T14:37:23", 15min), "-");
  EXPECT_EQ(rounded("2026-11-29T23:59:59.999", "2026-11-29T14:37:23", 15min), "-");
  EXPECT_EQ(rounded("nonsense", "2026-11-29T14:37:23", 15min), "-");
  EXPECT_EQ(rounded("2026-11-29T14:37:22", "2026-11-29T14:37:23", 15min, "2026-11-29T14:35:00"), "-");
}

TEST(OpenEndTest, AWholeDayKeepsItsEnd) {
  EXPECT_EQ(rounded("2026-11-28T23:59:59.000", "2026-11-29T00:12:00", 1h), "-");
  EXPECT_EQ(rounded("2026-11-29T23:59:59.999", "2026-11-29T23:59:30", 1h), "-");
}

TEST(OpenEndTest, WhatIsNotAboutNowYetHoldsUntilItIs) {
  const auto later = open_end("2026-11-01", "2026-11-29T15:00:01", zone, at("2026-11-29T14:37:23"), 15min);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->rounded, "");
  EXPECT_EQ(later->holds_until, at("2026-11-29T14:45:01"));
}

TEST(OpenEndTest, ItHoldsUntilTheEndIsAboutNowNoMore) {
  const auto result = open_end("2026-11-01", "2026-11-29T14:37:22", zone, at("2026-11-29T14:37:23"), 15min);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->holds_until, at("2026-11-29T14:52:22"));
  EXPECT_FALSE(open_end("2026-11-01", "2026-11-29T14:37:22", zone, result->holds_until, 15min));
  EXPECT_TRUE(open_end("2026-11-01", "2026-11-29T14:37:22", zone, result->holds_until - 1ms, 15min));
}

}  // namespace
}  // namespace roktcached::rokt
