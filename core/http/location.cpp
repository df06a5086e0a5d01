#include "core/http/location.h"

#include <algorithm>

#include "core/http/fields.h"

namespace roktcached::http {

namespace {

bool is_authority_of(std::string_view authority, const Place& place) {
  const std::string with_port = std::string(place.host) + ":" + std::to_string(place.port);
  const bool default_port = place.port == (equal_ignoring_case(place.scheme, "https") ? 443U : 80U);
  return equal_ignoring_case(authority, with_port) ||
         (default_port && equal_ignoring_case(authority, place.host));
}

/// `path`, and what follows it, without the base path; empty if it is not below that.
std::optional<std::string> without_base(std::string_view path, std::string_view base_path) {
  if (!path.starts_with(base_path)) return std::nullopt;
  path.remove_prefix(base_path.size());
  if (path.empty() || path.front() == '?' || path.front() == '#') return "/" + std::string(path);
  // Two slashes at the beginning would name another server. Browsers take a backslash for a slash, and leave
  // out tabs and line breaks.
  const bool odd = std::ranges::any_of(path, [](char c) { return c == '\\' || (c >= 0 && c <= 0x20); });
  const bool is_path = path.front() == '/' && !path.starts_with("//") && !odd;
  return is_path ? std::optional(std::string(path)) : std::nullopt;
}

}  // namespace

std::optional<std::string> local_location(std::string_view location, const Place& upstream) {
  location = trimmed(location);
  const auto scheme_end = location.find("://");
  const bool absolute = equal_ignoring_case(location.substr(0, scheme_end), upstream.scheme);
  const bool network_path = location.starts_with("//");
  if (absolute || network_path) {
    std::string_view rest = location.substr(absolute ? scheme_end + 3 : 2);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    if (!is_authority_of(authority, upstream)) return std::nullopt;
    return without_base(rest.substr(authority.size()), upstream.base_path);
  }
  const bool needs_change = location.starts_with('/') && !upstream.base_path.empty();
  return needs_change ? without_base(location, upstream.base_path) : std::nullopt;
}

}  // namespace roktcached::http
