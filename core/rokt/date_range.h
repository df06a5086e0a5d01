#pragma once

#include <optional>
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

/// How a date goes into the key: trailing zeros of a fraction removed, and a fraction of nothing but zeros
/// with its point (…T00:00:00.500 is …T00:00:00.5; …T00:00:00.000 is …T00:00:00). A bare date stays bare:
/// whether it means the start or the end of its day only the upstream knows. What is no date is returned as
/// it is. A view into `text`: a canonical form is how its text begins.
[[nodiscard]] std::string_view canonical_date(std::string_view text);

/// From this instant on the range can get no new hours: dateEnd in its latest reading, on the clock of
/// `zone`.
[[nodiscard]] WallTime range_end(const DateParameter& date_end, const TimeZone& zone);

}  // namespace roktcached::rokt
