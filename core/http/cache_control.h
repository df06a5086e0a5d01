#pragma once

#include <chrono>
#include <optional>

#include "core/http/fields.h"

namespace roktcached::http {

/// The Cache-Control directives of a request (RFC 9111, section 5.2.1).
struct RequestDirectives {
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<std::chrono::seconds> max_age;
  std::optional<std::chrono::seconds> min_fresh;
  /// Empty: not sent. max() : sent without a value, any staleness will do.
  std::optional<std::chrono::seconds> max_stale;
};

/// Reads Cache-Control, and `Pragma: no-cache` where Cache-Control is absent (RFC 9111, section 5.4). Unknown
/// directives are ignored. A delta-seconds that is no number counts as 0, the cautious reading; one too large
/// to hold is held to 2^31 s (RFC 9111, section 1.2.2). Of a repeated directive the most restrictive one
/// counts.
[[nodiscard]] RequestDirectives parse_request_directives(const Fields& fields);

}  // namespace roktcached::http
