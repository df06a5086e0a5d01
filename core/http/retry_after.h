#pragma once

#include <chrono>
#include <optional>

#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::http {

/// How long Retry-After asks to wait: seconds, or until a date (RFC 9110, section 10.2.3); never negative.
/// @return empty where there is none, several, or one that is neither
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after_of(const Fields& response, WallTime now);

}  // namespace roktcached::http
