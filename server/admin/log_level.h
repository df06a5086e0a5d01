#pragma once

#include <string_view>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::admin {

/// Reads the content of `POST /log-level`: {"level": "trace" | "debug" | "info" | "warn" | "error"}.
/// @return invalid_request, naming what came and what is accepted
[[nodiscard]] Result<config::LogLevel> parse_log_level(std::string_view content);

}  // namespace roktcached::admin
