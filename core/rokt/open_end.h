#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace roktcached::rokt {

/// A dateEnd with a time of day, if ends that are about now are rounded.
struct OpenEnd {
  std::string rounded;  ///< for dateEnd; empty: it is not about now, and stays as it is
  /// From then on this must be asked again: the same dateEnd comes to be about now, or is so no more.
  WallTime holds_until;
};

/// Rounds the end of a range that ends about now, as dashboards ask, down to a step of the local clock. So
/// many clients who ask within one step ask the same. The end of a whole day is left alone: the day would
/// lose its last hours.
/// @param step  zero: nothing is rounded
/// @return empty if this end is never rounded, whatever the time: it is no time of day, is long past, would
///          come before the start, or a parameter is missing or not acceptable
[[nodiscard]] std::optional<OpenEnd> open_end(std::string_view date_start, std::string_view date_end,
                                              std::string_view time_zone, WallTime now,
                                              std::chrono::milliseconds step);

}  // namespace roktcached::rokt
