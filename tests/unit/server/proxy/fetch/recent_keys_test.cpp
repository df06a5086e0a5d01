#include "server/proxy/fetch/recent_keys.h"

#include <gtest/gtest.h>

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime start{1h};
constexpr caching::KeyHash one{.high = 1, .low = 7};
constexpr caching::KeyHash another{.high = 1, .low = 8};

TEST(RecentRefreshes, AFloodAsksForOneRefreshOfAKey) {
  RecentRefreshes refreshes;
  int asked = 0;
  for (int i = 0; i < 1000; ++i) asked += refreshes.take(one, start + i * 1us) ? 1 : 0;
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(refreshes.take(another, start)) << "another key has its own";
}

TEST(RecentRefreshes, ItIsAskedForAgainAfterAWhile) {
  RecentRefreshes refreshes;
  EXPECT_TRUE(refreshes.take(one, start));
  EXPECT_FALSE(refreshes.take(one, start + RecentRefreshes::pause - 1ns));
  EXPECT_TRUE(refreshes.take(one, start + RecentRefreshes::pause));
}

TEST(RecentRefreshes, KeysOfOnePlaceAreToldApart) {
  RecentRefreshes refreshes;
  const caching::KeyHash same_place{.high = 2, .low = one.low};
  EXPECT_TRUE(refreshes.take(one, start));
  EXPECT_TRUE(refreshes.take(same_place, start)) << "else it would never be refreshed";
  EXPECT_TRUE(refreshes.take(one, start))
      << "and is asked for again, which the upstream client knows to be too much";
}

}  // namespace
}  // namespace roktcached::proxy
