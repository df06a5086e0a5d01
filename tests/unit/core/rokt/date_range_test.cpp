#include "core/rokt/date_range.h"

#include <gtest/gtest.h>

#include "core/http/date.h"

namespace roktcached::rokt {
namespace {

std::string end_of(std::string_view date, std::string_view zone) {
  return http::format_date(range_end(*DateParameter::parse(date), *TimeZone::find(zone)));
}

TEST(DateParameter, TakesTheTwoForms) {
  const auto bare = DateParameter::parse("2024-02-29");
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->bare);
  EXPECT_EQ(bare->latest - bare->earliest, std::chrono::days{1});
  const auto full = DateParameter::parse("2020-03-31T23:59:59.5");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->earliest, full->latest);
  EXPECT_EQ(full->earliest, DateParameter::parse("2020-03-31T23:59:59.500")->earliest);
}

TEST(DateParameter, RefusesWhatIsNoDay) {
  for (const std::string_view bad : {"",
                                     "2023-02-29",
                                     "2024-13-01",
                                     "2024-00-10",
                                     "2024-04-31",
                                     "0000-01-01",
                                     "2024-1-1",
                                     "24-01-01",
                                     "2024-01-01T",
                                     "2024-01-01T24:00:00",
                                     "2024-01-01T00:60:00",
                                     "2024-01-01T00:00:60",
                                     "2024-01-01 00:00:00",
                                     "2024-01-01T00:00",
                                     "2024-01-01T00:00:00.",
                                     "2024-01-01T00:00:00.1234",
                                     "2024-01-01T00:00:00Z",
                                     "2024-01-01T00:00:00+01:00",
                                     " 2024-01-01",
                                     "2024-01-0a",
                                     "+024-01-01"}) {
    EXPECT_FALSE(DateParameter::parse(bad)) << bad;
  }
}

TEST(CanonicalDate, HasThreeDigitsOfFraction) {
  for (const char* same :
       {"2020-03-01T00:00:00", "2020-03-01T00:00:00.0", "2020-03-01T00:00:00.00", "2020-03-01T00:00:00.000"})
    EXPECT_EQ(canonical_date(same), "2020-03-01T00:00:00.000");
  EXPECT_EQ(canonical_date("2020-03-01T00:00:00.5"), "2020-03-01T00:00:00.500");
  EXPECT_EQ(canonical_date("2020-03-01T00:00:10.05"), "2020-03-01T00:00:10.050");
  EXPECT_EQ(canonical_date("2020-03-01"), "2020-03-01");
  EXPECT_EQ(canonical_date("2020-03-01T00:00:00.0000"), "2020-03-01T00:00:00.0000");  // is no date
}

TEST(NearestDate, IsTheOneThatWasMostLikelyMeant) {
  for (const char* sent : {"2026-01-31T23:59:59.123Z", "2026-01-31T23:59:59.123456",
                           "2026-01-31T23:59:59.123+01:00", "2026-01-31T23:59:59.123-05:00",
                           "2026-01-31 23:59:59.123", "2026-01-31+23:59:59.123", "2026-01-31t23:59:59.123z"})
    EXPECT_EQ(nearest_date(sent), "2026-01-31T23:59:59.123") << sent;
  EXPECT_EQ(nearest_date("2026-01-31T23:59"), "2026-01-31T23:59:00");
  EXPECT_EQ(nearest_date("2026-01-31T23:59:59 01:00"), "2026-01-31T23:59:59");
  EXPECT_EQ(nearest_date("2026-01-31Z"), "2026-01-31");
}

TEST(NearestDate, IsNoneWhereOnlyTheSenderKnows) {
  for (const char* sent :
       {"", "soon", "2026-02-30", "31.01.2026", "01/31/2026", "1769904000", "2026-1-31", "2026-01-31T25:00"})
    EXPECT_EQ(nearest_date(sent), std::nullopt) << sent;
}

TEST(RangeEnd, FollowsTheZonesClock) {
  EXPECT_EQ(end_of("2026-01-31", "UTC"), "Sun, 01 Feb 2026 00:00:00 GMT");
  EXPECT_EQ(end_of("2026-01-31", "Pacific/Kiritimati"), "Sat, 31 Jan 2026 10:00:00 GMT");  // UTC+14
  EXPECT_EQ(end_of("2026-01-31", "Pacific/Pago_Pago"), "Sun, 01 Feb 2026 11:00:00 GMT");   // UTC-11
  EXPECT_EQ(end_of("2026-01-31T12:00:00", "Australia/Sydney"), "Sat, 31 Jan 2026 01:00:00 GMT");
}

TEST(RangeEnd, KnowsDaysOf23And25Hours) {
  // New York, 2026: set forward on 8 March, back on 1 November.
  EXPECT_EQ(end_of("2026-03-07", "America/New_York"), "Sun, 08 Mar 2026 05:00:00 GMT");
  EXPECT_EQ(end_of("2026-03-08", "America/New_York"), "Mon, 09 Mar 2026 04:00:00 GMT");
  EXPECT_EQ(end_of("2026-10-31", "America/New_York"), "Sun, 01 Nov 2026 04:00:00 GMT");
  EXPECT_EQ(end_of("2026-11-01", "America/New_York"), "Mon, 02 Nov 2026 05:00:00 GMT");
}

TEST(RangeEnd, TakesTheLaterReadingOfADoubtfulTime) {
  EXPECT_EQ(end_of("2026-11-01T01:30:00", "America/New_York"),
            "Sun, 01 Nov 2026 06:30:00 GMT");  // happens twice
  EXPECT_EQ(end_of("2026-03-08T02:30:00", "America/New_York"),
            "Sun, 08 Mar 2026 07:30:00 GMT");  // never happens: 03:30 there
}

// RFC 5545, section 3.3.5: a local time in a gap is read with the offset before it, and so is later.
TEST(RangeEnd, InAGapIsReadWithTheOffsetBeforeIt) {
  EXPECT_EQ(end_of("2026-03-08T01:59:59.999", "America/New_York"), "Sun, 08 Mar 2026 06:59:59 GMT");
  EXPECT_EQ(end_of("2026-03-08T02:00:00", "America/New_York"), "Sun, 08 Mar 2026 07:00:00 GMT");
  EXPECT_EQ(end_of("2026-03-08T02:59:59", "America/New_York"), "Sun, 08 Mar 2026 07:59:59 GMT");
  EXPECT_EQ(end_of("2026-03-08T03:00:00", "America/New_York"), "Sun, 08 Mar 2026 07:00:00 GMT");
  EXPECT_EQ(end_of("2026-03-29T02:30:00", "Europe/Berlin"), "Sun, 29 Mar 2026 01:30:00 GMT");
  // Lord Howe's clocks go half an hour forward at 2, from +10:30 to +11.
  EXPECT_EQ(end_of("2026-10-04T02:15:00", "Australia/Lord_Howe"), "Sat, 03 Oct 2026 15:45:00 GMT");
  // Kathmandu's went a quarter of an hour forward as 1986 began, from +5:30 to +5:45.
  EXPECT_EQ(end_of("1986-01-01T00:10:00", "Asia/Kathmandu"), "Tue, 31 Dec 1985 18:40:00 GMT");
  // Cairo's go forward at midnight: the day before ends as they do.
  EXPECT_EQ(end_of("2026-04-23", "Africa/Cairo"), "Thu, 23 Apr 2026 22:00:00 GMT");
}

TEST(RangeEnd, KnowsADayThatNeverWas) {
  // Samoa went from 29 to 31 December 2011.
  EXPECT_EQ(end_of("2011-12-29", "Pacific/Apia"), "Fri, 30 Dec 2011 10:00:00 GMT");
  EXPECT_EQ(end_of("2011-12-30", "Pacific/Apia"), "Fri, 30 Dec 2011 10:00:00 GMT");
  EXPECT_EQ(end_of("2011-12-30T12:00:00", "Pacific/Apia"), "Fri, 30 Dec 2011 22:00:00 GMT");
}

TEST(RangeEnd, KnowsTheRulesOfYearsToCome) {
  EXPECT_EQ(end_of("2036-07-01T00:00:00", "America/New_York"), "Tue, 01 Jul 2036 04:00:00 GMT");
}

TEST(TimeZone, IsAnIanaName) {
  for (const std::string_view good : {"America/Chicago", "Pacific/Honolulu", "Australia/Sydney", "UTC",
                                      "Etc/GMT+5", "Asia/Kolkata", "US/Eastern"}) {
    EXPECT_TRUE(TimeZone::find(good)) << good;
  }
  for (const std::string_view bad :
       {"", "america/chicago", "Mars/Olympus", "localtime", "posixrules", "Factory", "posix/UTC", "right/UTC",
        "+05:00", "tzdata.zi", "leapseconds", "../etc/passwd"}) {
    EXPECT_FALSE(TimeZone::find(bad)) << bad;
  }
}

}  // namespace
}  // namespace roktcached::rokt
