#include "core/rokt/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace roktcached::rokt {

namespace {

const date::time_zone& zone_at(const void* zone) {
  return *static_cast<const date::time_zone*>(zone);
}

/// The tzdata folder holds a few files that are zones by their format but no IANA names.
bool is_iana_name(std::string_view name) {
  static constexpr std::array<std::string_view, 3> strangers = {"localtime", "posixrules", "Factory"};
  return !name.starts_with("posix/") && !name.starts_with("right/") &&
         std::ranges::find(strangers, name) == strangers.end();
}

}  // namespace

std::optional<TimeZone> TimeZone::find(std::string_view name) {
  const auto& zones = date::get_tzdb().zones;  // sorted by name
  const auto found = std::lower_bound(
      zones.begin(), zones.end(), name,
      [](const date::time_zone& zone, std::string_view wanted) { return zone.name() < wanted; });
  if (found == zones.end() || found->name() != name || !is_iana_name(name)) return std::nullopt;
  return TimeZone(&*found);
}

void TimeZone::load() {
  if (date::get_tzdb().zones.empty())
    throw std::runtime_error("the system has no time zones: install tzdata");
}

LocalTime TimeZone::to_local(WallTime time) const {
  return LocalTime(zone_at(zone_).to_local(time).time_since_epoch());
}

WallTime TimeZone::to_wall_latest(LocalTime time) const {
  const date::local_time<std::chrono::milliseconds> local(time.time_since_epoch());
  return zone_at(zone_).to_sys(local, date::choose::latest);
}

}  // namespace roktcached::rokt
