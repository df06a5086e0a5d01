#include "core/rokt/time_zone.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>

namespace roktcached::rokt {
namespace {

using Zones = std::map<std::string_view, int>;

bool is_alias(std::string_view name) {
  return std::ranges::find(zone_aliases(), name, &ZoneAlias::name) != zone_aliases().end();
}

TEST(ZoneAliases, GiveASystemWithoutThemTheLegacyNames) {
  Zones zones = {{"America/New_York", 1}, {"Asia/Kolkata", 2}, {"Europe/London", 3}, {"Europe/Kyiv", 4}};
  add_missing_aliases(zones);
  for (const auto& [name, zone] : Zones{{"US/Eastern", 1},
                                        {"EST5EDT", 1},
                                        {"Asia/Calcutta", 2},
                                        {"GB", 3},
                                        {"GB-Eire", 3},
                                        {"Europe/Kiev", 4}}) {
    ASSERT_TRUE(zones.contains(name)) << name;
    EXPECT_EQ(zones[name], zone) << name;
  }
  EXPECT_FALSE(zones.contains("US/Pacific")) << "the zone behind it is not there";
}

TEST(ZoneAliases, LeaveWhatTheSystemHasAsItIs) {
  Zones zones = {{"America/New_York", 1}, {"EST5EDT", 2}};
  add_missing_aliases(zones);
  EXPECT_EQ(zones["EST5EDT"], 2);
}

TEST(ZoneAliases, AreSortedAndLeadToZones) {
  EXPECT_GT(zone_aliases().size(), 150U);
  EXPECT_TRUE(std::ranges::is_sorted(zone_aliases(), {}, &ZoneAlias::name));
  EXPECT_EQ(std::ranges::adjacent_find(zone_aliases(), {}, &ZoneAlias::name), zone_aliases().end());
  for (const ZoneAlias& alias : zone_aliases()) {
    EXPECT_FALSE(is_alias(alias.zone)) << alias.zone;
    EXPECT_TRUE(TimeZone::find(alias.zone)) << alias.zone;
  }
}

// Where the system has the name, what it says of it shows whether the table is right.
TEST(ZoneAliases, ShowTheSameTimeAsTheSystemsOwn) {
  const WallTime january = std::chrono::sys_days{std::chrono::year{2026} / 1 / 15};
  const WallTime july = std::chrono::sys_days{std::chrono::year{2026} / 7 / 15};
  for (const ZoneAlias& alias : zone_aliases()) {
    const auto named = TimeZone::find(alias.name);
    const auto zone = TimeZone::find(alias.zone);
    ASSERT_TRUE(named && zone) << alias.name;
    EXPECT_EQ(named->to_local(january), zone->to_local(january)) << alias.name;
    EXPECT_EQ(named->to_local(july), zone->to_local(july)) << alias.name;
  }
}

}  // namespace
}  // namespace roktcached::rokt
