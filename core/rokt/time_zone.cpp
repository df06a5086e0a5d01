#include "core/rokt/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <unordered_map>

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

/// A search by name takes ten comparisons, a look-up by hash one. The names lie in the zone table, which
/// stays.
using ZonesByName = std::unordered_map<std::string_view, const date::time_zone*>;

ZonesByName zones_by_name() {
  ZonesByName zones;
  for (const date::time_zone& zone : date::get_tzdb().zones) {
    if (is_iana_name(zone.name())) zones.emplace(zone.name(), &zone);
  }
  add_missing_aliases(zones);
  return zones;
}

constexpr auto alias_table = std::to_array<ZoneAlias>({
#include "core/rokt/zone_aliases.inc"
});

}  // namespace

std::optional<TimeZone> TimeZone::find(std::string_view name) {
  static const ZonesByName zones = zones_by_name();
  const auto found = zones.find(name);
  return found == zones.end() ? std::nullopt : std::optional(TimeZone(found->second));
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
  const date::local_info info = zone_at(zone_).get_info(local);
  const auto offset = info.result == date::local_info::ambiguous ? info.second.offset : info.first.offset;
  return WallTime(local.time_since_epoch() - offset);
}

WallTime TimeZone::next_day(WallTime time) const {
  const date::time_zone& zone = zone_at(zone_);
  const auto day_at = [](WallTime at, std::chrono::seconds offset) {
    return std::chrono::floor<std::chrono::days>(at + offset);
  };
  date::sys_info info = zone.get_info(time);
  const auto day = day_at(time, info.offset);
  while (true) {
    // While no change of the clock comes between, the next midnight is where it always is.
    const WallTime midnight = WallTime(day + std::chrono::days{1}) - info.offset;
    if (midnight < info.end) return midnight;
    const WallTime change = info.end;
    info = zone.get_info(change);
    if (day_at(change, info.offset) != day) return change;
  }
}

std::span<const ZoneAlias> zone_aliases() {
  return alias_table;
}

}  // namespace roktcached::rokt
