#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/fields.h"

namespace roktcached::http {

/// A number of seconds in a field (RFC 9111, section 1.2.2); 2^31 for one that is too large to hold.
/// @return empty if it is no number
[[nodiscard]] std::optional<std::chrono::seconds> delta_seconds(std::string_view text);

/// The Cache-Control directives of a request (RFC 9111, section 5.2.1).
struct RequestDirectives {
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<std::chrono::seconds> max_age = {};
  std::optional<std::chrono::seconds> min_fresh = {};
  /// Empty: not sent. max() : sent without a value, any staleness will do.
  std::optional<std::chrono::seconds> max_stale = {};
};

/// Reads Cache-Control, and `Pragma: no-cache` where Cache-Control is absent (RFC 9111, section 5.4). Unknown
/// directives are ignored. A delta-seconds that is no number counts as 0, the cautious reading; one too large
/// to hold is held to 2^31 s (RFC 9111, section 1.2.2). Of a repeated directive the most restrictive one
/// counts.
[[nodiscard]] RequestDirectives parse_request_directives(const Fields& fields);

/// The Cache-Control directives of a response (RFC 9111, section 5.2.2; RFC 5861; RFC 8246 has no say in a
/// shared cache), or those of a targeted field that takes its place (RFC 9213).
struct ResponseDirectives {
  bool no_store = false;
  bool no_cache = false;     ///< without field names
  bool private_all = false;  ///< `private` without field names
  bool public_ = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  std::vector<std::string> withheld;  ///< names that `private` and `no-cache` list: not to be stored here
  std::optional<std::chrono::seconds> max_age;
  std::optional<std::chrono::seconds> s_maxage;
  std::optional<std::chrono::seconds> stale_while_revalidate;
  std::optional<std::chrono::seconds> stale_if_error;
  bool targeted = false;  ///< from a targeted field: Cache-Control and Expires have no say
};

/// Reads the first of Roktcached-Cache-Control, CDN-Cache-Control and Cache-Control that counts: a targeted
/// field does where it is there, not empty, and a Dictionary whose members are of their types (RFC 9213,
/// section 2.1 and 2.2). In Cache-Control a delta-seconds that is no number is 0, one too large to hold 2^31
/// s, and of a directive that comes twice with different values 0 is taken: the response counts as stale
/// (RFC 9111, section 4.2.1).
[[nodiscard]] ResponseDirectives parse_response_directives(const Fields& fields);

}  // namespace roktcached::http
