#pragma once

#include <chrono>
#include <optional>
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
  /// that the system's tzdata lacks is looked up in zone_aliases(). What the tzdata folder holds besides IANA
  /// zones ("localtime", "posixrules", "posix/...", "right/...") is no zone.
  [[nodiscard]] static std::optional<TimeZone> find(std::string_view name);

  /// Reads the whole table now. @throws std::runtime_error where tzdata is missing from the system.
  static void load();

  [[nodiscard]] LocalTime to_local(WallTime time) const;

  /// The latest instant that `time` can mean: the second one where the clock is set back. A time that the
  /// clock is set forward over is read with the offset before the change (RFC 5545, section 3.3.5): with
  /// clocks set forward by an hour at 2, 02:30 is 03:30.
  [[nodiscard]] WallTime to_wall_latest(LocalTime time) const;

 private:
  explicit TimeZone(const void* zone) : zone_(zone) {}
  const void* zone_;  // date::time_zone, kept out of this header
};

}  // namespace roktcached::rokt
