#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roktcached {

/// Base64 with the URL-safe alphabet, without padding (RFC 4648, section 5).
[[nodiscard]] std::string to_base64url(std::string_view bytes);

/// Empty for anything that to_base64url would not have written: another alphabet, padding, a stray bit.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

/// Base64 with its padding (RFC 4648, section 4).
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Base64 (RFC 4648, section 4), padded or not at all, read as strictly.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace roktcached
