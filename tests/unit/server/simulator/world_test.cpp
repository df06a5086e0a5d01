#include "server/simulator/world.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using examples::noon_in_march;

const std::int64_t current_hour =
    std::chrono::floor<std::chrono::hours>(noon_in_march).time_since_epoch().count();

/// Facts as a text, to compare them whole.
std::string shown(const Facts& facts) {
  std::string text;
  for (const std::int64_t number :
       {facts.gross_cost_micro, facts.net_cost_micro, facts.revenue_micro, facts.impressions, facts.referrals,
        facts.acquisitions_by_conversion_date, facts.acquisitions_by_referral_date, facts.transactions,
        facts.placement_impressions, facts.positive_placement_engagements, facts.purchases}) {
    text += std::to_string(number) + " ";
  }
  return text;
}

TEST(WorldTest, FactsDependOnSeedCellAndHourAlone) {
  const World world(1);
  const Cell cell{7, 3, 2, 1};
  const std::string facts = shown(world.facts(cell, current_hour - 100, noon_in_march, "USD"));
  EXPECT_EQ(shown(World(1).facts(cell, current_hour - 100, noon_in_march, "USD")), facts);
  EXPECT_NE(shown(World(2).facts(cell, current_hour - 100, noon_in_march, "USD")), facts);
  EXPECT_NE(shown(world.facts(cell, current_hour - 101, noon_in_march, "USD")), facts);
  EXPECT_NE(shown(world.facts({7, 3, 2, 2}, current_hour - 100, noon_in_march, "USD")), facts);
}

TEST(WorldTest, NoTwoCellsAreAlike) {
  std::set<std::string> different;
  std::size_t cells = 0;
  for (int account = 1; account <= 3; ++account) {
    for (int campaign = 1; campaign <= campaigns; ++campaign) {
      for (int creative = 1; creative <= creatives; ++creative) {
        for (int audience = 1; audience <= audiences; ++audience) {
          std::string day;
          for (std::int64_t hour = current_hour - 24; hour < current_hour; ++hour) {
            day += shown(World(1).facts({account, campaign, creative, audience}, hour, noon_in_march, "USD"));
          }
          different.insert(std::move(day));
          ++cells;
        }
      }
    }
  }
  EXPECT_EQ(different.size(), cells);
}

TEST(WorldTest, AnHourHasFactsOnceItHasPassed) {
  const World world(1);
  const Cell cell{7, 3, 2, 1};
  EXPECT_GT(world.facts(cell, current_hour - 1, noon_in_march, "USD").impressions, 0);
  EXPECT_EQ(shown(world.facts(cell, current_hour, noon_in_march, "USD")), shown(Facts{}));
  EXPECT_EQ(shown(world.facts(cell, current_hour + 1, noon_in_march, "USD")), shown(Facts{}));
}

TEST(WorldTest, FactsFitEachOther) {
  for (std::int64_t hour = current_hour - 2000; hour < current_hour; ++hour) {
    const Facts facts = World(1).facts({7, 3, 2, 1}, hour, noon_in_march, "EUR");
    ASSERT_LE(facts.net_cost_micro, facts.gross_cost_micro);
    ASSERT_LE(facts.impressions, facts.placement_impressions);
    ASSERT_GE(facts.impressions, 1);
    ASSERT_LE(facts.referrals, facts.positive_placement_engagements);
    ASSERT_GE(facts.gross_cost_micro, 0);
    ASSERT_EQ(facts.referrals == 0, facts.gross_cost_micro == 0);
  }
}

TEST(WorldTest, EveryHourOfAScopeIsInExactlyOneGroup) {
  const World world(1);
  const Hours day{current_hour - 24, current_hour};
  for (const char* groupby :
       {"campaign", "creative", "audience", "country", "age", "gender", "page", "pagetype", "placement",
        "position", "brand", "subvertical", "partner-source"}) {
    Facts together;
    const auto sums = world.sum({.account = 7}, day, noon_in_march, "USD", grouping_of(groupby));
    for (const auto& [group, facts] : sums) {
      EXPECT_FALSE(group.empty()) << groupby;
      together += facts;
    }
    EXPECT_GE(sums.size(), 2U) << groupby;
    const auto whole = world.sum({.account = 7}, day, noon_in_march, "USD", grouping_of(""));
    ASSERT_EQ(whole.size(), 1U);
    EXPECT_EQ(shown(together), shown(whole.begin()->second)) << groupby;
  }
}

TEST(WorldTest, AScopeIsTheSumOfItsCells) {
  const World world(1);
  Facts together;
  for (int audience = 1; audience <= audiences; ++audience) {
    for (std::int64_t hour = current_hour - 5; hour < current_hour; ++hour) {
      together += world.facts({7, 3, 2, audience}, hour, noon_in_march, "USD");
    }
  }
  const auto sums =
      world.sum({7, 3, 2}, {current_hour - 5, current_hour + 10}, noon_in_march, "USD", grouping_of(""));
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(shown(sums.begin()->second), shown(together));
  EXPECT_EQ(std::popcount(sums.begin()->second.audiences_seen), audiences);
}

TEST(WorldTest, ARangeWithoutPassedHoursHasNoGroups) {
  EXPECT_TRUE(
      World(1)
          .sum({.account = 7}, {current_hour, current_hour + 24}, noon_in_march, "USD", grouping_of(""))
          .empty());
  EXPECT_TRUE(
      World(1)
          .sum({.account = 7}, {current_hour - 5, current_hour - 5}, noon_in_march, "USD", grouping_of(""))
          .empty());
}

}  // namespace
}  // namespace roktcached::simulator
