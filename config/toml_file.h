#pragma once

#include <toml++/toml.h>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/mistakes.h"

namespace roktcached::config {

/// The largest configuration file, in bytes.
inline constexpr std::size_t max_config_file = 1024 * 1024;
/// The most parts that a key may have, and the most brackets that may be open at once. No setting comes near
/// either. Each part and each bracket is a table in a table to toml++, which follows them by recursion: with
/// 50,000 of them it would run out of stack.
inline constexpr std::size_t max_key_parts = 16;
inline constexpr std::size_t max_open_brackets = 16;

/// Reads a configuration file. A byte order mark does not count, and CRLF counts as LF.
/// @return empty, as if the file said nothing, if it cannot be read or is no TOML: that is a mistake
[[nodiscard]] toml::table parse_file(const std::string& file, Mistakes& mistakes);

/// The line, from 1, of the first key or bracket of a TOML text that is beyond those limits.
[[nodiscard]] std::optional<std::size_t> line_nested_too_deep(std::string_view text);

}  // namespace roktcached::config
