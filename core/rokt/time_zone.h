#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "core/time.h"

namespace roktcached::rokt {

/// A time on some zone's clock, without the zone.
using LocalTime = std::chrono::local_time<std::chrono::milliseconds>;

/// An IANA time zone. A cheap value that points into the process-wide zone table, which is read once from the
/// system's tzdata, at the first call. Safe from any thread.
class TimeZone {
 public:
  /// The zone of exactly this name ("Australia/Sydney"; case counts), or empty. A legacy name ("US/Eastern")
  /// that the system's tzdata lacks is looked up in zone_aliases(). Other files of the tzdata folder
  /// ("localtime", "posixrules", "posix/...", "right/...") are no zones.
  [[nodiscard]] static std::optional<TimeZone> find(std::string_view name);

  /// Reads the whole table now. @throws std::runtime_error if tzdata is missing from the system.
  static void load();

  [[nodiscard]] LocalTime to_local(WallTime time) const;

  /// The latest instant that `time` can mean: the second one where the clock is set back. A time that the
  /// clock is set forward over is read with the offset before the change (RFC 5545, section 3.3.5): with
  /// clocks set forward by an hour at 2, 02:30 is 03:30.
  [[nodiscard]] WallTime to_wall_latest(LocalTime time) const;

  /// The first instant after `time` at which the clock shows another day. Mostly that is the next midnight;
  /// where the clock is set forward over midnight it is the end of the gap, and of a midnight that comes
  /// twice it is the first one.
  [[nodiscard]] WallTime next_day(WallTime time) const;

 private:
  explicit TimeZone(const void* zone) : zone_(zone) {}
  const void* zone_;  // date::time_zone, kept out of this header
};

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
