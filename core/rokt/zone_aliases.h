#pragma once

#include <span>
#include <string_view>

namespace roktcached::rokt {

/// A legacy name of a time zone, as "US/Eastern", and the zone that it is a link to.
struct ZoneAlias {
  std::string_view name;
  std::string_view zone;
};

/// The links of the tz database, sorted by name; no `zone` among them is itself a link. Debian 13 and Ubuntu
/// 24.04 have most of them in a package of its own, tzdata-legacy. make_zone_aliases.py renews the table.
[[nodiscard]] std::span<const ZoneAlias> zone_aliases();

/// Gives a table of zones each legacy name that it lacks, where it has the zone behind it. A name that the
/// table has stays as it is: the system's data are newer than ours.
/// @param zones  a map by name
template <class Zones>
void add_missing_aliases(Zones& zones) {
  for (const ZoneAlias& alias : zone_aliases()) {
    const auto zone = zones.find(alias.zone);
    if (zone == zones.end()) continue;
    const auto found = zone->second;  // a copy: what is inserted may move what is there
    zones.try_emplace(alias.name, found);
  }
}

}  // namespace roktcached::rokt
