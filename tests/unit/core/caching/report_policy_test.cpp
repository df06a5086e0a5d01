// The policy for reports as a whole: from a request's parameters to what is done with a stored answer, at the
// moments where one state becomes the next.
#include <gtest/gtest.h>

#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/http/target.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

namespace roktcached::caching {
namespace {

using http::RequestDirectives;
using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::milliseconds;

const FreshnessPolicy policy;

WallTime utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  return WallTime(
      std::chrono::sys_days{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day}} +
      std::chrono::hours{hour} + std::chrono::minutes{minute});
}

WallTime range_end(const std::string& date_end, const std::string& zone) {
  const rokt::RouteTable routes(rokt::rokt_routes());
  const auto match = routes.match("GET", "/reporting/accounts/12/summary");
  const std::string query =
      "dateStart=2000-01-01&dateEnd=" + date_end + "&currency=USD&timeZoneVariation=" + zone;
  return rokt::check_parameters(*match->route, http::parse_query(query), {}).value().range_end.value();
}

FreshnessState state(WallTime end, WallTime now) {
  return report_state(end, now, policy.restatement_window);
}

/// An answer as it is kept when it was fetched at `fetched_at`.
StoredResponse kept(WallTime end, WallTime fetched_at, unsigned status = 200) {
  const auto lifetime = lifetime_of(rokt::RouteClass::report, status, end, fetched_at, policy).value();
  StoredResponse stored;
  stored.status = status;
  stored.range_end = end;
  stored.fetched_at = fetched_at;
  stored.fresh_until = lifetime.fresh_until;
  stored.usable_until = lifetime.usable_until;
  return stored;
}

Action action(const StoredResponse& stored, WallTime now, const RequestDirectives& request = {}) {
  return decide(&stored, request, policy, now).action;
}

struct DayEnd {
  const char* name;
  const char* date_end;
  const char* zone;
  WallTime end;  // in its latest reading
};

class ReportDay : public testing::TestWithParam<DayEnd> {};

TEST_P(ReportDay, IsOpenUntilItEndsOnItsOwnClockThenRestatingThenSettled) {
  const DayEnd& day = GetParam();
  const WallTime end = range_end(day.date_end, day.zone);
  EXPECT_EQ(end, day.end);
  EXPECT_EQ(state(end, end - 1ms), FreshnessState::open);
  EXPECT_EQ(state(end, end), FreshnessState::open);
  EXPECT_EQ(state(end, end + 1ms), FreshnessState::restating);
  EXPECT_EQ(state(end, end + policy.restatement_window - 1ms), FreshnessState::restating);
  EXPECT_EQ(state(end, end + policy.restatement_window), FreshnessState::settled);
}

INSTANTIATE_TEST_SUITE_P(
    Boundaries, ReportDay,
    testing::Values(DayEnd{"UTC+14", "2026-03-10", "Pacific/Kiritimati", utc(2026, 3, 10, 10)},
                    DayEnd{"UTC-11", "2026-03-10", "Pacific/Pago_Pago", utc(2026, 3, 11, 11)},
                    DayEnd{"23 hours", "2026-03-08", "America/New_York", utc(2026, 3, 9, 4)},
                    DayEnd{"the day before it", "2026-03-07", "America/New_York", utc(2026, 3, 8, 5)},
                    DayEnd{"25 hours", "2026-11-01", "America/New_York", utc(2026, 11, 2, 5)},
                    DayEnd{"the day before that", "2026-10-31", "America/New_York", utc(2026, 11, 1, 4)},
                    DayEnd{"half an hour of DST", "2026-04-05", "Australia/Lord_Howe",
                           utc(2026, 4, 5, 13, 30)},
                    DayEnd{"leap day", "2028-02-29", "Europe/London", utc(2028, 3, 1)},
                    DayEnd{"the day before", "2028-02-28", "Europe/London", utc(2028, 2, 29)},
                    DayEnd{"year's end", "2026-12-31", "Asia/Kathmandu", utc(2026, 12, 31, 18, 15)}),
    [](const auto& day) {
      std::string name = day.param.name;
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

TEST(ReportPolicy, ATimeOfDayEndsTheRangeThen) {
  EXPECT_EQ(range_end("2026-03-10T15:30:00", "Pacific/Kiritimati"), utc(2026, 3, 10, 1, 30));
  EXPECT_EQ(range_end("2026-03-10T00:00:00.000", "America/New_York"), utc(2026, 3, 10, 4));
}

TEST(ReportPolicy, ARangeThatEndsInTheFutureIsOpen) {
  EXPECT_EQ(state(range_end("2099-01-01", "UTC"), utc(2026, 3, 10)), FreshnessState::open);
}

TEST(ReportPolicy, WhatWasFetchedBeforeTheRangeEndedNeverLivesOnAsSettled) {
  const WallTime end = range_end("2026-03-10", "America/New_York");
  for (const milliseconds before : {milliseconds(0), milliseconds(1), milliseconds(1s), milliseconds(4min)}) {
    const StoredResponse stored = kept(end, end - before);
    EXPECT_EQ(stored.fresh_until, end - before + 5min);
    EXPECT_EQ(action(stored, stored.fresh_until), Action::fetch) << "not even stale behind a refresh";
    EXPECT_EQ(action(stored, end + 30min), Action::fetch);
  }
  EXPECT_EQ(kept(end, end + 1ms).fresh_until, end + 1ms + 1h);
}

TEST(ReportPolicy, ARangeThatSettlesWhileStoredIsAskedForOnceMore) {
  const WallTime end = range_end("2026-03-10", "America/New_York");
  const WallTime settles = end + policy.restatement_window;
  const StoredResponse restating = kept(end, settles - 1min);
  EXPECT_EQ(restating.fresh_until, settles - 1min + 1h);
  EXPECT_EQ(action(restating, settles + 30min), Action::use);
  EXPECT_EQ(action(restating, settles - 1min + 1h), Action::use_and_refresh);
  EXPECT_EQ(kept(end, settles + 1h).fresh_until, settles + 1h + days{7});
}

TEST(ReportPolicy, AClockThatJumpsForwardAgesAndOneThatJumpsBackRefreshes) {
  const WallTime end = range_end("2026-03-10", "UTC");
  const WallTime fetched = end + 5 * days{1};
  const StoredResponse stored = kept(end, fetched);
  EXPECT_EQ(action(stored, fetched + days{1}), Action::fetch);
  EXPECT_EQ(action(stored, fetched - days{1}), Action::fetch) << "from the future: its age is not known";
  // And what is fetched while the clock is wrong does not outlive its own lifetime by the clock set right.
  const StoredResponse early = kept(end, fetched - days{1});
  EXPECT_EQ(action(early, fetched), Action::fetch);
  const StoredResponse late = kept(end, fetched + days{1});
  EXPECT_EQ(action(late, fetched), Action::fetch);
}

TEST(ReportPolicy, AForcedReloadCostsNoMoreThanOneFetchAnInterval) {
  const WallTime end = range_end("2026-03-10", "UTC");
  const StoredResponse stored = kept(end, end - 1h);
  const RequestDirectives reload{.no_cache = true};
  EXPECT_EQ(action(stored, stored.fetched_at + 10s - 1ms, reload), Action::use);
  EXPECT_EQ(action(stored, stored.fetched_at + 10s, reload), Action::fetch);
}

TEST(ReportPolicy, ANegativeAnswerLivesAMinuteAndIsNeverStale) {
  const WallTime end = range_end("2026-03-10", "UTC");
  for (const unsigned status : {400U, 404U}) {
    const StoredResponse stored = kept(end, end + days{90}, status);
    EXPECT_EQ(action(stored, stored.fetched_at + 1min - 1ms), Action::use);
    EXPECT_EQ(action(stored, stored.fetched_at + 1min), Action::fetch);
    EXPECT_FALSE(may_stand_in(&stored, policy, stored.fetched_at + 1min));
  }
}

}  // namespace
}  // namespace roktcached::caching
