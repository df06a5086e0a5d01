#include "core/caching/freshness.h"

#include <gtest/gtest.h>

#include "core/caching/stored_response.h"

namespace roktcached::caching {
namespace {

using namespace std::chrono_literals;
using rokt::RouteClass;

const WallTime range_end = wall_time_from_unix_ms(1'700'000'000'000);
const FreshnessPolicy policy;

std::optional<Lifetime> at(std::chrono::milliseconds after_end, unsigned status = 200) {
  return lifetime_of(RouteClass::report, status, range_end, range_end + after_end, policy);
}

TEST(ReportState, ChangesAtItsBoundaries) {
  const auto state = [](std::chrono::milliseconds after_end) {
    return report_state(range_end, range_end + after_end, policy.restatement_window);
  };
  EXPECT_EQ(state(-1ms), FreshnessState::open);
  EXPECT_EQ(state(0ms), FreshnessState::open);
  EXPECT_EQ(state(1ms), FreshnessState::restating);
  EXPECT_EQ(state(policy.restatement_window - 1ms), FreshnessState::restating);
  EXPECT_EQ(state(policy.restatement_window), FreshnessState::settled);
}

TEST(Lifetime, FollowsTheState) {
  EXPECT_EQ(at(-1h)->fresh_until - (range_end - 1h), 5min);
  EXPECT_EQ(at(1h)->fresh_until - (range_end + 1h), 1h);
  EXPECT_EQ(at(policy.restatement_window)->fresh_until - (range_end + policy.restatement_window),
            std::chrono::days{7});
  EXPECT_EQ(lifetime_of(RouteClass::metadata, 200, std::nullopt, range_end, policy)->fresh_until - range_end,
            1h);
  EXPECT_EQ(at(1h)->usable_until - at(1h)->fresh_until, policy.stale_if_error);
}

/// Whichever of the two lets a stale answer be used for longer.
TEST(Lifetime, IsUsableForAsLongAsAnythingUsesItStale) {
  FreshnessPolicy refreshed_long = policy;
  refreshed_long.stale_while_revalidate = policy.stale_if_error + 1h;
  const auto lifetime = lifetime_of(RouteClass::report, 200, range_end, range_end + 1h, refreshed_long);
  EXPECT_EQ(lifetime->usable_until - lifetime->fresh_until, policy.stale_if_error + 1h);
}

std::chrono::milliseconds steady_lifetime(unsigned steady_refreshes, const FreshnessPolicy& with = policy) {
  const WallTime fetched = range_end + 1h;
  return lifetime_of(RouteClass::report, 200, range_end, fetched, with, steady_refreshes)->fresh_until -
         fetched;
}

TEST(Lifetime, OfARestatingRangeGrowsWhileItStaysTheSameUpToItsBound) {
  EXPECT_EQ(steady_lifetime(0), 1h);
  EXPECT_EQ(steady_lifetime(2), 1h);
  EXPECT_EQ(steady_lifetime(3), 2h);
  EXPECT_EQ(steady_lifetime(4), 4h);
  EXPECT_EQ(steady_lifetime(5), 4h);
  EXPECT_EQ(steady_lifetime(1000), 4h);
}

TEST(Lifetime, NeverGrowsWhereThatIsOffOrTheBoundIsLower) {
  FreshnessPolicy off;
  off.restating_steady_after = 0;
  EXPECT_EQ(steady_lifetime(1000, off), 1h);
  FreshnessPolicy lower;
  lower.restating_max = 30min;
  EXPECT_EQ(steady_lifetime(1000, lower), 1h);
}

TEST(Lifetime, OfOtherStatesDoesNotGrow) {
  EXPECT_EQ(lifetime_of(RouteClass::report, 200, range_end, range_end - 1h, policy, 1000)->fresh_until,
            range_end - 1h + 5min);
  const WallTime settled = range_end + policy.restatement_window;
  EXPECT_EQ(lifetime_of(RouteClass::report, 200, range_end, settled, policy, 1000)->fresh_until,
            settled + std::chrono::days{7});
}

TEST(Lifetime, OfAnUnknownRangeIsTheShortest) {
  const auto lifetime = lifetime_of(RouteClass::report, 200, std::nullopt, range_end, policy);
  EXPECT_EQ(lifetime->state, FreshnessState::open);
}

TEST(Lifetime, OfNegativesIsShortAndNeverStale) {
  for (const unsigned status : {400U, 404U}) {
    const auto lifetime = at(1h, status);
    ASSERT_TRUE(lifetime);
    EXPECT_EQ(lifetime->state, FreshnessState::negative);
    EXPECT_EQ(lifetime->fresh_until - (range_end + 1h), 1min);
    EXPECT_EQ(lifetime->usable_until, lifetime->fresh_until);
  }
}

TEST(Lifetime, OtherStatusesAndClassesAreNotKept) {
  for (const unsigned status : {201U, 204U, 206U, 301U, 302U, 401U, 403U, 405U, 410U, 429U, 500U, 502U, 503U})
    EXPECT_FALSE(at(1h, status)) << status;
  EXPECT_FALSE(lifetime_of(RouteClass::off, 200, range_end, range_end, policy));
}

TEST(Lifetime, OfZeroIsNotKept) {
  FreshnessPolicy never;
  never.open = 0ms;
  EXPECT_FALSE(lifetime_of(RouteClass::report, 200, range_end, range_end, never));
}

TEST(EndToEndFields, LeaveOutWhatIsOursOrOfOneConnection) {
  http::Fields upstream;
  for (const char* name : {"Content-Type", "Connection", "X-Private", "Set-Cookie", "Transfer-Encoding",
                           "Content-Length", "Date", "ETag", "Age", "Expires", "Cache-Control", "Vary",
                           "Cache-Status", "X-Request-Id", "X-Public"}) {
    upstream.add(name, std::string_view(name) == "Connection" ? "X-Private" : "1");
  }
  std::string lines = "Server: a\r\n";
  append_end_to_end_lines(lines, upstream);
  EXPECT_EQ(lines, "Server: a\r\nContent-Type: 1\r\nX-Public: 1\r\n");
}

}  // namespace
}  // namespace roktcached::caching
