#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roktcached::http {

/// The address of an upstream, as its own Location fields name it.
struct Place {
  std::string_view scheme;  ///< "http" or "https"
  std::string_view host;    ///< an IPv6 address in brackets
  unsigned port = 0;
  std::string_view base_path;  ///< what this server puts before every target; empty or "/x"
};

/// Rewrites a Location (RFC 9110, section 10.2.2) that leads to `upstream` for clients that know only this
/// server: as a path with query and fragment, without the upstream's authority and base path.
/// @return empty if it leads elsewhere, or may stay as it is
[[nodiscard]] std::optional<std::string> local_location(std::string_view location, const Place& upstream);

}  // namespace roktcached::http
