#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/rokt/time_zone.h"
#include "core/time.h"

namespace roktcached::rokt {

/// A day of the calendar, on some zone's clock.
using LocalDay = std::chrono::local_days;

/// The day that the zone's clock shows.
[[nodiscard]] LocalDay local_day(WallTime now, const TimeZone& zone);

/// The time of the day that it shows, in whole minutes since midnight.
[[nodiscard]] std::chrono::minutes local_minute(WallTime now, const TimeZone& zone);

/// Ranges of whole days that move with the day, on the clock of the request's timeZoneVariation. None holds
/// today, whose numbers are not complete, except on the first day of a month.
enum class MovingDates : std::uint8_t {
  yesterday,
  last_7d,   ///< the seven days that end yesterday
  last_30d,  ///< the thirty days that end yesterday
  /// From the first of this month to yesterday. On the first itself there is no whole day yet. It is today
  /// alone then: the days of another month would be a wrong answer under this name.
  month_to_date,
  last_month,  ///< the whole month before this one
};

/// Their names in requests, in the order of the enumeration.
[[nodiscard]] std::span<const std::string_view> moving_dates_names();

/// Empty for any other text; case counts.
[[nodiscard]] std::optional<MovingDates> moving_dates_of(std::string_view name);

/// Both days belong to the range.
struct LocalDates {
  LocalDay first;
  LocalDay last;
  friend bool operator==(const LocalDates&, const LocalDates&) = default;
};

/// The days that `dates` stands for on the day of `now` in `zone`. They hold until zone.next_day(now).
[[nodiscard]] LocalDates dates_of(MovingDates dates, WallTime now, const TimeZone& zone);

/// "2026-03-01".
[[nodiscard]] std::string text_of(LocalDay day);

/// dateStart and dateEnd as a request has them.
struct DateTexts {
  std::string start;
  std::string end;
};

/// Whole days as the samples of the API's page write them: "2020-03-01T00:00:00.000" to
/// "2020-03-31T23:59:59.000". A bare dateEnd could be read in two ways, and whoever follows the page's
/// samples shares the entry in the cache.
[[nodiscard]] DateTexts texts_of(const LocalDates& dates);

}  // namespace roktcached::rokt
