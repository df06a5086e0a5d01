#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "core/time.h"

namespace roktcached::commands {

/// `/status` at a glance: lines of at most line_width characters. Pure.
/// @param status  the JSON of `/status`
[[nodiscard]] std::string status_text(const boost::json::value& status, WallTime now);

}  // namespace roktcached::commands
