#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::http {

/// `time` as an IMF-fixdate, e.g. "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7); milliseconds are
/// cut. A year of more than four digits, for which the form has no room, is shown in full.
[[nodiscard]] std::string format_date(WallTime time);

/// Room for an IMF-fixdate.
using FixedDate = std::array<char, 29>;
/// The same, where four digits hold the year; else empty.
[[nodiscard]] std::optional<FixedDate> fixed_date(WallTime time);

/// Reads an HTTP-date in any of the three forms that a recipient must accept: IMF-fixdate, that of RFC 850
/// and that of asctime (RFC 9110, section 5.6.7). Upper and lower case are the same, as a cache is to read it
/// (RFC 9111, section 4.2); the zone is GMT; the name of the day is not checked against the date.
/// @param now  an RFC 850 year that would be more than 50 years ahead of it lies in the past century
/// @return empty for anything else
[[nodiscard]] std::optional<WallTime> parse_date(std::string_view text, WallTime now);

/// How long Retry-After asks to wait: seconds, or until a date (RFC 9110, section 10.2.3); never negative.
/// @return empty if there is none, several, or one that is neither
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after_of(const Fields& response, WallTime now);

}  // namespace roktcached::http
