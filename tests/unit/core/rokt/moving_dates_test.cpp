#include "core/rokt/moving_dates.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/rokt/date_range.h"

namespace roktcached::rokt {
namespace {

namespace chrono = std::chrono;
using chrono::milliseconds;

TimeZone zone_of(std::string_view name) {
  return *TimeZone::find(name);
}

/// The instant of "2026-09-06T04:00:00.000" in UTC.
WallTime utc(std::string_view text) {
  return WallTime(DateParameter::parse(text)->earliest.time_since_epoch());
}

std::string days(MovingDates dates, std::string_view now, std::string_view zone) {
  const LocalDates range = dates_of(dates, utc(now), zone_of(zone));
  return text_of(range.first) + " " + text_of(range.last);
}

TEST(MovingDates, HaveTheNamesOfTheRequests) {
  for (const std::string_view name : moving_dates_names()) {
    ASSERT_TRUE(moving_dates_of(name)) << name;
    EXPECT_EQ(moving_dates_names()[static_cast<std::size_t>(*moving_dates_of(name))], name);
  }
  EXPECT_EQ(moving_dates_of("last_7d"), MovingDates::last_7d);
  EXPECT_EQ(moving_dates_of("month_to_date"), MovingDates::month_to_date);
  for (const std::string_view bad : {"", "today", "Yesterday", "last_7", "last_7d "})
    EXPECT_FALSE(moving_dates_of(bad)) << bad;
}

TEST(MovingDates, AreWholeDaysBeforeToday) {
  const auto asked = [](MovingDates dates) { return days(dates, "2026-03-15T12:00:00", "Europe/London"); };
  EXPECT_EQ(asked(MovingDates::yesterday), "2026-03-14 2026-03-14");
  EXPECT_EQ(asked(MovingDates::last_7d), "2026-03-08 2026-03-14");
  EXPECT_EQ(asked(MovingDates::last_30d), "2026-02-13 2026-03-14");
  EXPECT_EQ(asked(MovingDates::month_to_date), "2026-03-01 2026-03-14");
  EXPECT_EQ(asked(MovingDates::last_month), "2026-02-01 2026-02-28");
}

TEST(MovingDates, OfTheMonthHoldOnItsFirstDayAndOverNewYear) {
  EXPECT_EQ(days(MovingDates::month_to_date, "2026-03-01T12:00:00", "UTC"), "2026-03-01 2026-03-01");
  EXPECT_EQ(days(MovingDates::month_to_date, "2026-03-02T12:00:00", "UTC"), "2026-03-01 2026-03-01");
  EXPECT_EQ(days(MovingDates::last_month, "2026-01-31T12:00:00", "UTC"), "2025-12-01 2025-12-31");
  EXPECT_EQ(days(MovingDates::last_month, "2024-03-31T12:00:00", "UTC"), "2024-02-01 2024-02-29");
  EXPECT_EQ(days(MovingDates::yesterday, "2026-01-01T00:00:00", "UTC"), "2025-12-31 2025-12-31");
}

TEST(MovingDates, AreOnTheClockOfTheZone) {
  // 18:15 in London is midnight in Kathmandu.
  EXPECT_EQ(days(MovingDates::yesterday, "2026-11-28T18:14:59.999", "Asia/Kathmandu"),
            "2026-11-27 2026-11-27");
  EXPECT_EQ(days(MovingDates::yesterday, "2026-11-28T18:15:00", "Asia/Kathmandu"), "2026-11-28 2026-11-28");
  EXPECT_EQ(days(MovingDates::yesterday, "2026-11-28T12:59:59", "Australia/Lord_Howe"),
            "2026-11-27 2026-11-27");
  EXPECT_EQ(days(MovingDates::yesterday, "2026-11-28T13:00:00", "Australia/Lord_Howe"),
            "2026-11-28 2026-11-28");
}

TEST(MovingDates, AreWrittenAsTheApisPageWritesThem) {
  const DateTexts texts =
      texts_of(dates_of(MovingDates::last_7d, utc("2026-03-05T12:00:00"), zone_of("UTC")));
  EXPECT_EQ(texts.start, "2026-02-26T00:00:00.000");
  EXPECT_EQ(texts.end, "2026-03-04T23:59:59.000");
  EXPECT_EQ(canonical_date(texts.start), texts.start);
  EXPECT_EQ(canonical_date(texts.end), texts.end);
}

std::string next_day(std::string_view zone, std::string_view now) {
  const LocalTime at(zone_of(zone).next_day(utc(now)).time_since_epoch());
  const auto time = at - chrono::floor<chrono::days>(at);
  const chrono::hh_mm_ss clock(time);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "T%02d:%02d:%02d.%03d", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text_of(chrono::floor<chrono::days>(at)) + text.data();
}

TEST(NextDay, IsMidnightOnTheClockOfTheZone) {
  EXPECT_EQ(next_day("UTC", "2026-11-28T00:00:00"), "2026-11-29T00:00:00.000");
  EXPECT_EQ(next_day("UTC", "2026-11-28T23:59:59.999"), "2026-11-29T00:00:00.000");
  EXPECT_EQ(next_day("Asia/Kathmandu", "2026-11-28T18:15:00"), "2026-11-29T18:15:00.000");
  EXPECT_EQ(next_day("Asia/Kathmandu", "2026-11-28T18:14:59.999"), "2026-11-28T18:15:00.000");
}

TEST(NextDay, IsRightWhereTheDayHasAnotherLength) {
  // Lord Howe sets its clocks by half an hour, at 2:00.
  EXPECT_EQ(next_day("Australia/Lord_Howe", "2026-10-03T13:30:00"), "2026-10-04T13:00:00.000");
  EXPECT_EQ(next_day("Australia/Lord_Howe", "2026-04-04T13:00:00"), "2026-04-05T13:30:00.000");
  // In Santiago the day of 6 September begins at 1:00, and that of 4 April shows 23:00 twice.
  EXPECT_EQ(next_day("America/Santiago", "2026-09-06T03:59:59.999"), "2026-09-06T04:00:00.000");
  EXPECT_EQ(next_day("America/Santiago", "2026-09-06T04:00:00"), "2026-09-07T03:00:00.000");
  EXPECT_EQ(next_day("America/Santiago", "2026-04-05T02:30:00"), "2026-04-05T04:00:00.000");
  EXPECT_EQ(next_day("America/Santiago", "2026-04-05T03:30:00"), "2026-04-05T04:00:00.000");
  // In Havana 1 November has two midnights: the day begins with the first.
  EXPECT_EQ(next_day("America/Havana", "2026-11-01T03:00:00"), "2026-11-01T04:00:00.000");
  EXPECT_EQ(next_day("America/Havana", "2026-11-01T04:30:00"), "2026-11-02T05:00:00.000");
  EXPECT_EQ(next_day("America/Havana", "2026-11-01T05:30:00"), "2026-11-02T05:00:00.000");
  // Until 2011, St John's set its clocks back at one past midnight: to the day before.
  EXPECT_EQ(next_day("America/St_Johns", "2010-11-07T02:29:59"), "2010-11-07T02:30:00.000");
  EXPECT_EQ(next_day("America/St_Johns", "2010-11-07T02:30:30"), "2010-11-07T02:31:00.000");
  EXPECT_EQ(next_day("America/St_Johns", "2010-11-07T02:31:00"), "2010-11-07T03:30:00.000");
  // Samoa had no 30 December 2011.
  EXPECT_EQ(next_day("Pacific/Apia", "2011-12-30T09:00:00"), "2011-12-30T10:00:00.000");
}

/// The zones of the system, by the names of their files.
std::vector<std::pair<std::string, TimeZone>> system_zones() {
  const std::filesystem::path folder = "/usr/share/zoneinfo";
  std::vector<std::pair<std::string, TimeZone>> zones;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = file.path().lexically_relative(folder).string();
    if (const auto zone = TimeZone::find(name)) zones.emplace_back(name, *zone);
  }
  return zones;
}

/// The first instant of another offset between these two, which differ in it.
WallTime change_between(WallTime from, WallTime to, const TimeZone& zone) {
  const auto offset_at = [&zone](WallTime at) {
    return zone.to_local(at).time_since_epoch() - at.time_since_epoch();
  };
  const auto before = offset_at(from);
  while (to - from > milliseconds{1}) {
    const WallTime middle = from + (to - from) / 2;
    (offset_at(middle) == before ? from : to) = middle;
  }
  return to;
}

/// Instants to try in a zone: at random, and around each change of its clock.
std::vector<WallTime> instants_of(const TimeZone& zone, std::size_t number, std::mt19937_64& random) {
  const WallTime begin = chrono::sys_days{chrono::year{2005} / 1 / 1};
  const WallTime end = chrono::sys_days{chrono::year{2037} / 1 / 1};
  std::uniform_int_distribution<std::int64_t> some(unix_ms(begin), unix_ms(end));
  std::vector<WallTime> instants;
  for (std::size_t i = 0; i < number; ++i) instants.push_back(wall_time_from_unix_ms(some(random)));
  constexpr chrono::days step{7};
  for (WallTime at = begin; at < end; at += step) {
    if (zone.to_local(at + step) - zone.to_local(at) == step) continue;
    const WallTime change = change_between(at, at + step, zone);
    for (const int near : {-1500, -61, -1, 0, 1, 61, 1500})
      instants.push_back(change + chrono::minutes{near});
    instants.push_back(change - milliseconds{1});
  }
  return instants;
}

TEST(MovingDates, ChangeExactlyWithTheDayInEveryZone) {
  std::mt19937_64 random(20261129);
  std::size_t tried = 0;
  for (const auto& [name, zone] : system_zones()) {
    for (const WallTime now : instants_of(zone, 40, random)) {
      const LocalDay today = local_day(now, zone);
      for (std::size_t i = 0; i < moving_dates_names().size(); ++i) {
        const auto dates = static_cast<MovingDates>(i);
        const LocalDates range = dates_of(dates, now, zone);
        EXPECT_LE(range.first, range.last);
        const bool new_month = dates == MovingDates::month_to_date && range.last == today;
        if (dates == MovingDates::last_month) {
          EXPECT_LT(range.last, today);
        } else if (!new_month) {
          EXPECT_EQ(range.last + chrono::days{1}, today) << name;
        }
      }
      const WallTime until = zone.next_day(now);
      ASSERT_GT(until, now) << name << " " << unix_ms(now);
      EXPECT_NE(local_day(until, zone), today) << name << " " << unix_ms(now);
      std::uniform_int_distribution<std::int64_t> before(unix_ms(now), unix_ms(until) - 1);
      for (const WallTime at : {until - milliseconds{1}, wall_time_from_unix_ms(before(random)),
                                wall_time_from_unix_ms(before(random))}) {
        EXPECT_EQ(local_day(at, zone), today) << name << " " << unix_ms(at);
        EXPECT_EQ(dates_of(MovingDates::yesterday, at, zone), dates_of(MovingDates::yesterday, now, zone));
      }
      ++tried;
    }
  }
  EXPECT_GE(tried, 10'000U);
}

}  // namespace
}  // namespace roktcached::rokt
