#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string_view>

#include "config/settings.h"

namespace roktcached {

/// Formats lines as text for people, "2026-01-31T12:30:00.123Z info  listening on 127.0.0.1:8080", or as one
/// JSON object each: time_unix_ms, level, event, message, then the event's fields, with the same names and
/// values in both. A missing value is "-" in text and null in JSON. Whoever has chosen a value, nothing in a
/// line is a command to the terminal that shows it, see core/printable.h. Each log has a formatter of its
/// own.
[[nodiscard]] std::unique_ptr<spdlog::formatter> log_formatter(config::LogFormat format);

/// The same without time and level, and without an end: for the journal, which has them itself.
void append_without_time(const spdlog::details::log_msg& message, config::LogFormat format,
                         spdlog::memory_buf_t& line);

}  // namespace roktcached
