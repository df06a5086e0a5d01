#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace roktcached::rokt {

/// A dateEnd that is about now, rounded down.
struct RoundedEnd {
  std::string text;      ///< for dateEnd
  WallTime holds_until;  ///< then the same dateEnd is about now no more
};

/// Rounds the end of a range that is asked for up to this moment, as dashboards do, down to a step of the
/// local clock: so that many who ask within one step ask the same.
/// @param step  zero: nothing is rounded
/// @return empty where the end is no time of day, or further from `now` than a step, or would come before the
///         start, and where a parameter is missing or not acceptable
[[nodiscard]] std::optional<RoundedEnd> rounded_open_end(std::string_view date_start,
                                                         std::string_view date_end,
                                                         std::string_view time_zone, WallTime now,
                                                         std::chrono::milliseconds step);

}  // namespace roktcached::rokt
