#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace roktcached::http {

/// A request-target in origin-form (RFC 9112, section 3.2.1), split at the first '?'. Views into the parsed
/// text.
struct Target {
  std::string_view path;   ///< begins with '/'; never decoded
  std::string_view query;  ///< without the '?'; empty if there is none
};

/// Fails with invalid_request where `text` is not in origin-form, or has a byte that RFC 3986 allows in
/// neither path nor query (controls, space, '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}', anything above
/// 0x7e), or a '%' without two hex digits behind it.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

/// One name=value of a query.
struct QueryParameter {
  std::string name;             ///< percent-decoded; '+' stays '+'
  std::string value;            ///< percent-decoded
  std::string canonical_name;   ///< as sent, with percent-encoded unreserved characters decoded (RFC 3986,
                                ///< section 6.2.2.2)
  std::string canonical_value;  ///< likewise
  bool has_value = false;       ///< false for a bare name without '='
};

/// The parameters of a query in the order they came; none for an empty query. "a=1&&b=2" has a parameter with
/// an empty name in the middle: it is the caller's to refuse. `query` must come from parse_target.
[[nodiscard]] std::vector<QueryParameter> parse_query(std::string_view query);

/// Resolves a URI reference, such as a Location's, against the target of the request that it answers (RFC
/// 3986, section 5.2).
/// @param hosts  Host values under which the answering server is known; no other authority is ours
/// @return a target in origin-form, without fragment; empty where it leads elsewhere or is malformed
[[nodiscard]] std::optional<std::string> resolve_reference(std::string_view reference,
                                                           std::string_view base_target,
                                                           const std::vector<std::string>& hosts);

}  // namespace roktcached::http
