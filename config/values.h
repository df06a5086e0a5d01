#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace roktcached::config {

inline constexpr std::string_view accepted_durations =
    "a duration with its unit, e.g. \"500ms\", \"10s\", \"5m\", \"1h\", \"7d\"";
inline constexpr std::string_view accepted_sizes =
    "a size with its unit, e.g. \"4096B\", \"16KiB\", \"256MiB\", \"1GiB\"";
inline constexpr std::string_view accepted_tcp_endpoints =
    "ADDRESS:PORT, e.g. \"127.0.0.1:8080\" or \"[::1]:8080\"";
inline constexpr std::string_view accepted_endpoints =
    "ADDRESS:PORT, e.g. \"127.0.0.1:8080\" or \"[::1]:8080\", or \"unix:/PATH\" of at most 107 bytes";
inline constexpr std::string_view accepted_urls =
    "an http or https URL without user, query or fragment, e.g. \"https://api.rokt.com\"";
inline constexpr std::string_view accepted_proxies =
    "an http URL of host and port without user and path, e.g. \"http://proxy.example.com:3128\"";
inline constexpr std::string_view accepted_engine_urls =
    "redis://HOST[:PORT], rediss://HOST[:PORT] (TLS) or unix:/PATH, or \"\"; without user and password "
    "(fleet.username and fleet.password_file are for them), and of database 0 only";
inline constexpr std::string_view accepted_origins =
    "http or https, host in lower case, and a port that is not the scheme's own, e.g. "
    "\"https://bi.example.com\"";
inline constexpr std::string_view accepted_modes = "a file mode, \"0000\" to \"0777\", e.g. \"0660\"";

/// Readers of the values that settings have; empty for what is not of the accepted form.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] std::optional<Endpoint> parse_tcp_endpoint(std::string_view text);
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);
[[nodiscard]] std::optional<Url> parse_proxy(std::string_view text);
/// Without a port it is 6379. The path may name database 0, and no other.
[[nodiscard]] std::optional<EngineUrl> parse_engine_url(std::string_view text);
/// An origin in the one spelling that browsers send (RFC 6454, section 6.2): what differs would never match.
[[nodiscard]] std::optional<std::string> parse_origin(std::string_view text);
[[nodiscard]] std::optional<std::uint32_t> parse_mode(std::string_view text);

/// The same values as they are written, in the largest unit that divides them.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);
[[nodiscard]] std::string format_size(std::uint64_t bytes);
/// In four octal digits.
[[nodiscard]] std::string format_mode(std::uint32_t mode);

}  // namespace roktcached::config
