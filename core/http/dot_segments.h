#pragma once

#include <string_view>

namespace roktcached::http {

/// Whether some reader of `path` could take it for a path outside the folder that it seems to lie in: it has
/// a segment "." or ".." (RFC 3986, section 5.2.4), plain or percent-encoded, with or without ';' and
/// parameters behind it, between slashes that may be encoded, or backslashes, too.
/// @param path  of a valid target; never decoded before
[[nodiscard]] bool has_dot_segments(std::string_view path);

}  // namespace roktcached::http
