#include "core/caching/decision.h"

#include <gtest/gtest.h>

namespace roktcached::caching {
namespace {

using http::Forward;
using namespace std::chrono_literals;

const WallTime fetched = wall_time_from_unix_ms(1'700'000'000'000);
const FreshnessPolicy policy;  // open 5 min, swr 10 min, sie 7 d, min_refetch 10 s

StoredResponse stored_for(std::chrono::milliseconds fresh) {
  StoredResponse stored;
  stored.fetched_at = fetched;
  stored.fresh_until = fetched + fresh;
  stored.usable_until = stored.fresh_until + policy.stale_if_error;
  return stored;
}

Decision after(std::chrono::milliseconds age, const http::RequestDirectives& request = {}) {
  const StoredResponse stored = stored_for(5min);
  return decide(&stored, request, policy, fetched + age);
}

TEST(Decide, NothingStoredIsAMiss) {
  const Decision decision = decide(nullptr, {}, policy, fetched);
  EXPECT_EQ(decision.action, Action::fetch);
  EXPECT_EQ(decision.reason, Forward::miss);
}

TEST(Decide, FreshIsUsedUntilItsLastMoment) {
  EXPECT_EQ(after(0ms).action, Action::use);
  EXPECT_EQ(after(5min - 1ms).action, Action::use);
  EXPECT_EQ(after(5min).action, Action::use_and_refresh);
}

TEST(Decide, StaleIsRefreshedBehindForAWhileThenFetched) {
  EXPECT_EQ(after(15min - 1ms).action, Action::use_and_refresh);
  EXPECT_EQ(after(15min).action, Action::fetch);
  EXPECT_EQ(after(15min).reason, Forward::stale);
  EXPECT_EQ(after(5min + policy.stale_if_error).reason, Forward::miss);
}

/// Fetched an hour before its range ended, or after.
StoredResponse stored_of_range(std::chrono::milliseconds range_end_after_fetch,
                               std::chrono::milliseconds fresh) {
  StoredResponse stored = stored_for(fresh);
  stored.range_end = fetched + range_end_after_fetch;
  return stored;
}

TEST(Decide, WhatWasFetchedWhileItsRangeWasOpenIsNeverServedStaleBehindARefresh) {
  for (const auto range_end : {0ms, 1ms, std::chrono::milliseconds(1h)}) {
    const StoredResponse open = stored_of_range(range_end, 5min);
    EXPECT_EQ(decide(&open, {}, policy, fetched + 5min - 1ms).action, Action::use);
    EXPECT_EQ(decide(&open, {}, policy, fetched + 5min).action, Action::fetch);
    EXPECT_EQ(decide(&open, {}, policy, fetched + 5min).reason, Forward::stale);
  }
  const StoredResponse ended = stored_of_range(-1ms, 5min);
  EXPECT_EQ(decide(&ended, {}, policy, fetched + 5min).action, Action::use_and_refresh);
}

TEST(SteadyRefreshes, CountInARestatingRangeAlone) {
  const WallTime later = fetched + 1h;
  StoredResponse restating = stored_of_range(-1h, 1h);
  restating.steady_refreshes = 2;
  EXPECT_EQ(steady_refreshes_after(restating, restating.range_end, later, policy), 3U);
  const StoredResponse open = stored_of_range(1h, 5min);
  EXPECT_EQ(steady_refreshes_after(open, open.range_end, later, policy), 0U);
  EXPECT_EQ(steady_refreshes_after(open, open.range_end, fetched + 2h, policy), 0U) << "was open when stored";
  const WallTime settled = *restating.range_end + policy.restatement_window;
  EXPECT_EQ(steady_refreshes_after(restating, restating.range_end, settled, policy), 0U);
  EXPECT_EQ(steady_refreshes_after(restating, std::nullopt, later, policy), 0U);
}

TEST(SteadyRefreshes, AreNoEvidenceWhereTheyComeTooSoon) {
  StoredResponse stored = stored_of_range(-1h, 1h);
  stored.steady_refreshes = 2;
  EXPECT_EQ(steady_refreshes_after(stored, stored.range_end, fetched + 30min - 1ms, policy), 2U);
  EXPECT_EQ(steady_refreshes_after(stored, stored.range_end, fetched + 30min, policy), 3U);
}

TEST(SteadyRefreshes, AreNoEvidenceWhereASoftPurgeCausedThem) {
  StoredResponse stored = stored_of_range(-1h, 1h);
  stored.steady_refreshes = 2;
  stored.fresh_until = fetched + 10s;  // purged then
  EXPECT_EQ(steady_refreshes_after(stored, stored.range_end, fetched + 11s, policy), 2U);
  EXPECT_EQ(steady_refreshes_after(stored, stored.range_end, fetched + 30min, policy), 3U);
}

TEST(RefreshAhead, ComesATwentiethOfTheLifetimeBeforeItsEnd) {
  EXPECT_EQ(refresh_ahead_at(stored_for(5min)), fetched + 5min - 15s);
  EXPECT_EQ(refresh_ahead_at(stored_for(20s)), fetched + 19s);
  EXPECT_EQ(refresh_ahead_at(stored_for(7 * 24h)), fetched + 7 * 24h - 1min) << "a minute at most";
}

TEST(RefreshAhead, ComesASecondBeforeTheEndOfAShortLifetime) {
  EXPECT_EQ(refresh_ahead_at(stored_for(19s)), fetched + 18s);
  EXPECT_EQ(refresh_ahead_at(stored_for(3s)), fetched + 2s);
  EXPECT_EQ(refresh_ahead_at(stored_for(2s)), fetched + 1s);
}

TEST(RefreshAhead, ComesHalfwayThroughALifetimeOfLessThanTwoSeconds) {
  EXPECT_EQ(refresh_ahead_at(stored_for(1800ms)), fetched + 900ms);
  EXPECT_EQ(refresh_ahead_at(stored_for(1s)), fetched + 500ms) << "not as soon as it is fetched";
  EXPECT_EQ(refresh_ahead_at(stored_for(10ms)), fetched + 5ms) << "not before it is fetched";
}

TEST(RefreshAhead, IsWorthItForAReportThatIsUsedOften) {
  FreshnessPolicy often;
  often.refresh_ahead_uses = 3;
  StoredResponse stored = stored_for(5min);
  EXPECT_FALSE(worth_refreshing_ahead(stored, 2, often));
  EXPECT_TRUE(worth_refreshing_ahead(stored, 3, often));
  stored.status = 404;
  EXPECT_FALSE(worth_refreshing_ahead(stored, 3, often));
  stored.status = 200;
  often.refresh_ahead_uses = 0;
  EXPECT_FALSE(worth_refreshing_ahead(stored, 3, often)) << "it is switched off";
}

TEST(WouldRestate, ARangeThatHadEndedWhenItWasFetched) {
  StoredResponse stored = stored_for(5min);
  EXPECT_FALSE(would_restate(stored, policy)) << "it has no range";
  stored.range_end = fetched - 1s;
  EXPECT_TRUE(would_restate(stored, policy));
  stored.status = 404;
  EXPECT_FALSE(would_restate(stored, policy));
  stored.status = 200;
  stored.range_end = fetched;
  EXPECT_FALSE(would_restate(stored, policy)) << "it was open still";
}

TEST(Decide, AForcedReloadFetchesButNotTooOften) {
  http::RequestDirectives reload;
  reload.no_cache = true;
  EXPECT_EQ(after(10s - 1ms, reload).action, Action::use);
  EXPECT_EQ(after(10s, reload).action, Action::fetch);
  EXPECT_EQ(after(10s, reload).reason, Forward::request);
  EXPECT_EQ(after(6min, reload).reason, Forward::request);
}

TEST(Decide, MaxAgeMinFreshAndMaxStale) {
  http::RequestDirectives young;
  young.max_age = 60s;
  EXPECT_EQ(after(60s, young).action, Action::use);
  EXPECT_EQ(after(61s, young).reason, Forward::request);
  http::RequestDirectives lasting;
  lasting.min_fresh = 60s;
  EXPECT_EQ(after(4min, lasting).action, Action::use);
  EXPECT_EQ(after(4min + 1ms, lasting).reason, Forward::request);
  EXPECT_EQ(after(6min, lasting).reason, Forward::stale);
  http::RequestDirectives patient;
  patient.max_stale = 3600s;
  EXPECT_EQ(after(65min, patient).action, Action::use);
  EXPECT_EQ(after(65min + 1ms, patient).reason, Forward::stale);
  patient.max_stale = std::chrono::seconds::max();
  EXPECT_EQ(after(24h, patient).action, Action::use);
}

TEST(Decide, OnlyIfCachedNeverGoesForward) {
  http::RequestDirectives offline;
  offline.only_if_cached = true;
  EXPECT_EQ(after(1min, offline).action, Action::use);
  EXPECT_EQ(after(6min, offline).action, Action::use);
  EXPECT_EQ(after(16min, offline).action, Action::refuse);
  EXPECT_EQ(decide(nullptr, offline, policy, fetched).action, Action::refuse);
}

TEST(Decide, AClockSetBackMakesNothingImmortal) {
  EXPECT_EQ(after(-5s).action, Action::use);  // threads and hosts may differ by that much
  EXPECT_EQ(after(-5s - 1ms).action, Action::fetch);
  EXPECT_EQ(after(-24h).action, Action::fetch);
  EXPECT_EQ(after(-24h).reason, Forward::stale);
}

TEST(Decide, AClockSetForwardEndsLives) {
  EXPECT_EQ(after(24h).action, Action::fetch);
}

TEST(Decide, ANegativeAnswerIsNeverUsedStale) {
  StoredResponse negative = stored_for(1min);
  negative.status = 404;
  negative.usable_until = negative.fresh_until;
  http::RequestDirectives patient;
  patient.max_stale = std::chrono::seconds::max();
  EXPECT_EQ(decide(&negative, {}, policy, fetched + 1min - 1ms).action, Action::use);
  EXPECT_EQ(decide(&negative, patient, policy, fetched + 1min).reason, Forward::miss);
  EXPECT_FALSE(may_stand_in(&negative, policy, fetched + 1min));
  EXPECT_EQ(decide(&negative, patient, policy, fetched - 24h).action, Action::fetch);
}

TEST(Decide, WhatWasFetchedAMomentAgoIsUsedOnlyWhileFresh) {
  http::RequestDirectives demanding;
  demanding.max_age = 0s;
  demanding.min_fresh = 3600s;
  EXPECT_EQ(after(10s - 1ms, demanding).action, Action::use);
  const StoredResponse brief = stored_for(5s);
  http::RequestDirectives reload;
  reload.no_cache = true;
  EXPECT_EQ(decide(&brief, reload, policy, fetched + 6s).reason, Forward::request);
}

TEST(MayStandIn, WithinStaleIfErrorAlone) {
  const StoredResponse stored = stored_for(5min);
  EXPECT_TRUE(may_stand_in(&stored, policy, fetched + 1h));
  EXPECT_TRUE(may_stand_in(&stored, policy, fetched + 5min + policy.stale_if_error - 1ms));
  EXPECT_FALSE(may_stand_in(&stored, policy, fetched + 5min + policy.stale_if_error));
  EXPECT_TRUE(may_stand_in(&stored, policy, fetched - 24h));
  EXPECT_FALSE(may_stand_in(&stored, policy, fetched - policy.stale_if_error - 1ms));
  EXPECT_FALSE(may_stand_in(nullptr, policy, fetched));
}

TEST(MayStandIn, NotLongerThanItsOwnLimitWhereStaleWhileRevalidateIsLonger) {
  FreshnessPolicy other;
  other.stale_if_error = 1min;
  StoredResponse stored = stored_for(5min);
  stored.usable_until = stored.fresh_until + other.stale_while_revalidate;
  EXPECT_TRUE(may_stand_in(&stored, other, fetched + 5min + 59s));
  EXPECT_FALSE(may_stand_in(&stored, other, fetched + 6min));
}

TEST(Age, IsWholeSecondsAndNeverNegative) {
  const StoredResponse stored = stored_for(5min);
  EXPECT_EQ(age_of(stored, fetched + 1999ms), 1s);
  EXPECT_EQ(age_of(stored, fetched - 1h), 0s);
}

TEST(Ttl, CountsBegunSeconds) {
  const StoredResponse stored = stored_for(5min);
  EXPECT_EQ(ttl_of(stored, fetched + 1ms), 300s);
  EXPECT_EQ(ttl_of(stored, fetched + 5min - 1ms), 1s);
  EXPECT_EQ(ttl_of(stored, fetched + 5min + 1ms), -1s);
}

}  // namespace
}  // namespace roktcached::caching
