#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/time.h"

namespace roktcached::commands {

/// A size for people: "512 B", "1.5 MiB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// A duration for people, in its two largest units: "3 d 4 h", "5 min 2 s", "40 s"; negative: "0 s".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

/// A time in UTC: "2026-01-31 12:30:00".
[[nodiscard]] std::string utc_text(WallTime time);

/// "98.2 %"; of nothing: "-".
[[nodiscard]] std::string share_text(std::uint64_t part, std::uint64_t whole);

/// As many characters of a line fit on a terminal.
inline constexpr std::size_t line_width = 80;

/// `line`, cut where it does not fit into `width` characters: "...".
[[nodiscard]] std::string fitted(std::string line, std::size_t width = line_width);

/// `text` as the value of a query's parameter, percent-encoded (RFC 3986, section 2.1).
[[nodiscard]] std::string query_value(std::string_view text);

}  // namespace roktcached::commands
