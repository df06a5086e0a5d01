#include "core/http/date.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);    // September 2026
const WallTime example = wall_time_from_unix_ms(784'111'777'000);  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(ParseDate, ReadsTheThreeForms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now), example);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now), example);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", now), example);
  EXPECT_EQ(parse_date("Thu Aug 18 02:01:18 2050", now), parse_date("Thu, 18 Aug 2050 02:01:18 GMT", now));
}

/// RFC 9111, section 4.2.
TEST(ParseDate, KnowsNoCase) {
  for (const char* same :
       {"Sun, 06 Nov 1994 08:49:37 gmt", "SUN, 06 Nov 1994 08:49:37 GMT", "Sun, 06 NOV 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gMT", "SUNDAY, 06-nov-94 08:49:37 Gmt", "sUN nOV  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_date(same, now), example) << same;
  }
}

TEST(ParseDate, PutsATwoDigitYearNoMoreThanFiftyYearsAhead) {
  EXPECT_EQ(parse_date("Saturday, 01-Jan-76 00:00:00 GMT", now),
            parse_date("Wed, 01 Jan 2076 00:00:00 GMT", now));
  EXPECT_EQ(parse_date("Saturday, 01-Jan-77 00:00:00 GMT", now),
            parse_date("Sat, 01 Jan 1977 00:00:00 GMT", now));
}

TEST(ParseDate, IsTheOtherSideOfFormatDate) {
  for (const long long seconds : {0LL, 951'782'400LL, 1'709'164'800LL, 4'102'444'799LL, 253'402'300'799LL}) {
    const WallTime time = wall_time_from_unix_ms(seconds * 1000);
    EXPECT_EQ(parse_date(format_date(time), now), time) << seconds;
  }
}

TEST(ParseDate, TakesALeapSecond) {
  EXPECT_EQ(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", now),
            parse_date("Sun, 01 Jan 2017 00:00:00 GMT", now));
}

TEST(ParseDate, RefusesEverythingElse) {
  for (const char* wrong : {"",
                            "0",
                            "-1",
                            "foo",
                            "Sun, 06 Nov 1994 08:49:37",
                            "Sun, 06 Nov 1994 08:49:37 UTC",
                            "Sun, 06 Nov 1994 08:49:37 utc",
                            "Sun, 06 Nov 1994 08:49:37 G",
                            "Sun, 06 N",
                            "Sun 06 Nov 1994 08:49:37 GMT",
                            "Sun, 06  Nov 1994 08:49:37 GMT",
                            "Sun, 6 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 94 08:49:37 GMT",
                            "Sun, 06-Nov-1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 8:49:37 GMT",
                            "Sun, 06 Nov 1994 08.49.37 GMT",
                            "Sun, 31 Nov 1994 08:49:37 GMT",
                            "Sun, 00 Nov 1994 08:49:37 GMT",
                            "Sun, 29 Feb 2025 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:00:00 GMT",
                            "Sun, 06 Nov 1994 08:60:37 GMT",
                            "Sun, 06 Nov 1994 08:49:61 GMT",
                            "Sun, 06 Nov 1994 08:49:37 GMT ",
                            "Sun, 06 Nov 1994 08:49:37 GMTx",
                            "Sun, 06-Nov-94 08:49:37 GMT",
                            "Sun Nov 6 08:49:37 1994",
                            "1994-11-06T08:49:37Z"}) {
    EXPECT_FALSE(parse_date(wrong, now)) << wrong;
  }
}

}  // namespace
}  // namespace roktcached::http
