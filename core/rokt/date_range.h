#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/rokt/time_zone.h"
#include "core/time.h"

namespace roktcached::rokt {

/// A dateStart or dateEnd: `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss[.f[f[f]]]`, a real day of the proleptic
/// Gregorian calendar, year 0001 to 9999, 00:00:00 to 23:59:59.999.
struct DateParameter {
  LocalTime earliest;  ///< the first moment it can mean
  LocalTime
      latest;  ///< the last one: for a bare date the end of that day (its next midnight), else `earliest`
  bool bare = false;  ///< no time of day was given

  /// Empty for anything that is not exactly of one of the two forms.
  [[nodiscard]] static std::optional<DateParameter> parse(std::string_view text);
};

/// How a date goes into the key and upstream: with three digits of a second's fraction, as on the API's page
/// (…T00:00:00 and …T00:00:00.0 are …T00:00:00.000). A bare date stays bare: whether it means the start or
/// the end of its day only the upstream knows. Text that is no date is returned as it is.
[[nodiscard]] std::string canonical_date(std::string_view text);

/// The date that somebody most likely meant by a text that is none: without a zone or an offset behind it,
/// with at most three digits of fraction, with a 'T' before the time, with seconds. Only for messages: a
/// wrong date is never mended silently. Empty if no such change makes a date of it.
[[nodiscard]] std::optional<std::string> nearest_date(std::string_view text);

/// The instant from which the range gets no new hours: dateEnd in its latest reading, on the clock of `zone`.
[[nodiscard]] WallTime range_end(const DateParameter& date_end, const TimeZone& zone);

}  // namespace roktcached::rokt
