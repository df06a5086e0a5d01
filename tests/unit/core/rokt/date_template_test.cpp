#include "core/rokt/date_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "core/rokt/date_range.h"

namespace roktcached::rokt {
namespace {

LocalDay on(std::string_view date) {
  return std::chrono::floor<std::chrono::days>(DateParameter::parse(date)->earliest);
}

std::string filled(std::string_view text, std::string_view today) {
  const auto result = fill_dates(text, on(today));
  return result ? *result : result.error().context;
}

TEST(FillDates, WritesTheDayOfEachPlaceholder) {
  EXPECT_EQ(filled("/a?from={yesterday}T00:00:00&to={today}&x=1", "2026-03-01"),
            "/a?from=2026-02-28T00:00:00&to=2026-03-01&x=1");
  EXPECT_EQ(filled("{today-7} {today+1}", "2026-12-31"), "2026-12-24 2027-01-01");
  EXPECT_EQ(filled("{first_of_month} {last_of_month}", "2024-02-10"), "2024-02-01 2024-02-29");
  EXPECT_EQ(filled("{first_of_month-1} {last_of_month-1} {first_of_month+1}", "2026-01-31"),
            "2025-12-01 2025-12-31 2026-02-01");
  EXPECT_EQ(filled("no placeholder", "2026-01-31"), "no placeholder");
}

TEST(FillDates, LeavesBracesThatAreNoPlaceholders) {
  const std::string json = R"({"a":{},"b":[{"c":"{yesterday}"}]})";
  EXPECT_EQ(filled(json, "2026-03-01"), R"({"a":{},"b":[{"c":"2026-02-28"}]})");
  EXPECT_TRUE(has_placeholder(json));
  EXPECT_FALSE(has_placeholder(R"({"a":{},"b":[{"c":1}]})"));
}

TEST(FillDates, NamesWhatItDoesNotKnow) {
  for (const std::string_view bad :
       {"{tomorrow}", "{today-}", "{today--1}", "{today-401}", "{first_of_month-13}", "{today", "{todayx}",
        "{yesterday-1}", "{today-1x}", "{a{today}}"}) {
    const std::string told = filled("/x?from=" + std::string(bad), "2026-03-01");
    EXPECT_NE(told.find("accepted: {today}, {yesterday}"), std::string::npos) << bad << ": " << told;
    EXPECT_NE(told.find(bad.substr(0, 6)), std::string::npos) << told;
  }
}

bool has(const RelativeRanges& ranges, const std::string& text) {
  return std::ranges::any_of(ranges, [&text](const RelativeRange& range) {
    return range.start.text() + " " + range.end.text() == text;
  });
}

TEST(RelativeRanges, AreNoneOfARangeThatEndedTooLongAgo) {
  const LocalDay today = on("2026-11-29");
  const std::chrono::days most{400};
  EXPECT_TRUE(may_move(today - most, today));
  EXPECT_FALSE(relative_ranges(today - most, today - most, today).empty());
  const LocalDay earlier = today - most - std::chrono::days{1};
  EXPECT_FALSE(may_move(earlier, today));
  EXPECT_TRUE(relative_ranges(earlier, earlier, today).empty());
}

TEST(RelativeRanges, AreTheWaysInWhichARangeMayMove) {
  const auto week = relative_ranges(on("2026-11-22"), on("2026-11-28"), on("2026-11-29"));
  EXPECT_TRUE(has(week, "{today-7} {yesterday}"));
  const auto month = relative_ranges(on("2026-11-01"), on("2026-11-28"), on("2026-11-29"));
  EXPECT_TRUE(has(month, "{first_of_month} {yesterday}"));
  EXPECT_TRUE(has(month, "{today-28} {yesterday}"));
  EXPECT_TRUE(has(month, "2026-11-01 {yesterday}")) << "since a fixed day";
  const auto last_month = relative_ranges(on("2026-10-01"), on("2026-10-31"), on("2026-11-29"));
  EXPECT_TRUE(has(last_month, "{first_of_month-1} {last_of_month-1}"));
  EXPECT_TRUE(has(relative_ranges(on("2026-10-01"), on("2026-11-01"), on("2026-11-29")),
                  "{first_of_month-1} {first_of_month}"));
  EXPECT_TRUE(
      has(relative_ranges(on("2026-11-29"), on("2026-11-30"), on("2026-11-29")), "{today} {today+1}"));
}

TEST(RelativeRanges, AreNoneOfWhatHasLongEnded) {
  EXPECT_TRUE(relative_ranges(on("2024-01-05"), on("2024-02-03"), on("2026-11-29")).empty());
  EXPECT_FALSE(has(relative_ranges(on("2026-04-01"), on("2026-06-30"), on("2026-11-29")),
                   "{first_of_month-7} {last_of_month-5}"))
      << "a quarter that has ended stays where it is";
}

// What was read as a range that moves is that range again on the day when it was read.
TEST(RelativeRanges, GiveTheirOwnDayBack) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int> days(0, 20'000);
  std::uniform_int_distribution<int> lengths(0, 500);
  std::uniform_int_distribution<int> ago(-2, 60);
  std::size_t read = 0;
  for (int i = 0; i < 20'000; ++i) {
    const LocalDay today{std::chrono::days{days(random)}};
    const LocalDay end = today - std::chrono::days{ago(random)};
    const LocalDay start = end - std::chrono::days{lengths(random)};
    for (const RelativeRange& range : relative_ranges(start, end, today)) {
      ++read;
      ASSERT_EQ(range.start.on(today), start) << range.start.text() << " on " << text_of(today);
      ASSERT_EQ(range.end.on(today), end) << range.end.text() << " on " << text_of(today);
      const auto text = fill_dates(range.start.text() + " " + range.end.text(), today);
      ASSERT_TRUE(text) << text.error().context;
      ASSERT_EQ(*text, text_of(start) + " " + text_of(end));
    }
  }
  EXPECT_GT(read, 10'000U);
}

}  // namespace
}  // namespace roktcached::rokt
