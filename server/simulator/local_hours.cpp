#include "server/simulator/local_hours.h"

#include <fmt/format.h>

#include <chrono>

namespace roktcached::simulator {

std::int64_t hour_of(rokt::LocalTime time, const rokt::TimeZone& zone) {
  const WallTime latest = zone.to_wall_latest(time);
  const WallTime before = latest - std::chrono::hours{1};
  const WallTime earliest = zone.to_local(before) == time ? before : latest;
  return std::chrono::ceil<std::chrono::hours>(earliest).time_since_epoch().count();
}

std::string day_of(std::int64_t hour, const rokt::TimeZone& zone) {
  const auto local = zone.to_local(WallTime(std::chrono::hours{hour}));
  const std::chrono::year_month_day day{
      std::chrono::local_days(std::chrono::floor<std::chrono::days>(local))};
  return fmt::format("{:04}-{:02}-{:02}T00:00:00.000", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

}  // namespace roktcached::simulator
