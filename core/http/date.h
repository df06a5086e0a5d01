#pragma once

#include <string>

#include "core/time.h"

namespace roktcached::http {

/// `time` as an IMF-fixdate, e.g. "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7); milliseconds are
/// cut.
[[nodiscard]] std::string format_date(WallTime time);

}  // namespace roktcached::http
