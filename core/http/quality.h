#pragma once

#include <optional>
#include <string_view>

namespace roktcached::http {

/// Reads a weight, "0.8", in thousandths (RFC 9110, section 12.4.2).
/// @return empty if it is none
[[nodiscard]] std::optional<int> parse_quality(std::string_view text);

}  // namespace roktcached::http
