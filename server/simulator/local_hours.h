#pragma once

#include <cstdint>
#include <string>

#include "core/rokt/time_zone.h"

namespace roktcached::simulator {

/// The longest range that a report may have.
inline constexpr std::int64_t longest_range_hours = 10 * 366 * 24;

/// The first whole hour since the Unix epoch that is not before a time on a zone's clock. Where the clock
/// shows a time twice, the first one counts: at a midnight set back, that is where the day begins.
[[nodiscard]] std::int64_t hour_of(rokt::LocalTime time, const rokt::TimeZone& zone);

/// The day that an hour is in on a zone's clock, as the API writes it: "2026-11-01T00:00:00.000".
[[nodiscard]] std::string day_of(std::int64_t hour, const rokt::TimeZone& zone);

}  // namespace roktcached::simulator
