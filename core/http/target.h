#pragma once

#include <boost/container/small_vector.hpp>
#include <forward_list>
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

/// Fails with invalid_request if `text` is not in origin-form, or has a byte that RFC 3986 allows in
/// neither path nor query (controls, space, '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}', anything above
/// 0x7e), or a '%' without two hex digits behind it.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

/// One name=value of a query. Views into the query's text, or into the Query that it is of where something
/// had to be decoded.
struct QueryParameter {
  std::string_view name;   ///< percent-decoded; '+' stays '+'
  std::string_view value;  ///< percent-decoded
  /// The canonical spelling: texts that decode to the same octets have the same one. Unreserved characters,
  /// ':' and '/' stand as themselves, as on the API's page. So does a '+' that was sent as itself, since some
  /// servers take it for a space. Every other octet is percent-encoded, with upper-case digits (RFC 3986,
  /// section 6.2.2).
  std::string_view canonical_name;
  std::string_view canonical_value;  ///< likewise
  bool has_value = false;            ///< false for a bare name without '='
};

/// The parameters of a query in the order they came; none for an empty query. Empty pairs are skipped:
/// "&a=1&&b=2&" has two parameters. "=1" has an empty name: it is the caller's to refuse. Lives no longer
/// than the text that it was parsed from. Its decoded texts are wiped when it goes: in a form one may be a
/// secret. Not thread-safe.
class Query {
 public:
  Query() = default;
  Query(Query&&) = default;  // the decoded texts stay where they are
  Query& operator=(Query&&) = delete;
  ~Query();

  [[nodiscard]] const QueryParameter* begin() const { return parameters_.data(); }
  [[nodiscard]] const QueryParameter* end() const { return begin() + size(); }
  [[nodiscard]] std::size_t size() const { return parameters_.size(); }
  [[nodiscard]] bool empty() const { return parameters_.empty(); }
  [[nodiscard]] const QueryParameter& operator[](std::size_t index) const { return parameters_[index]; }

 private:
  friend Query parse_query(std::string_view query);

  /// `text` with its percent-encoded octets decoded, and its canonical spelling; `text` itself where it is
  /// that already.
  std::string_view decoded(std::string_view text);
  std::string_view canonical(std::string_view text);

  boost::container::small_vector<QueryParameter, 8> parameters_;  // hardly ever more
  std::forward_list<std::string> texts_;  // what had to be written anew; the parameters are views into it
};

/// A path with its percent-encoded unreserved characters decoded (RFC 3986, section 6.2.2.2), which makes no
/// other path of it. An encoded '/' stays encoded.
/// @param path     from parse_target
/// @param storage  holds the result where it differs from `path`; must live as long as what is returned
[[nodiscard]] std::string_view decode_unreserved(std::string_view path, std::string& storage);

/// @param query  must come from parse_target, and live as long as what is returned
[[nodiscard]] Query parse_query(std::string_view query);

/// The parameters of a form (application/x-www-form-urlencoded), which keeps to the octets of a query.
/// @param text  must live as long as what is returned
/// @return empty if it is no such form, or may have more than 100 parameters: each costs many times its own
///          size, and the sender may not be known yet
[[nodiscard]] std::optional<Query> parse_form(std::string_view text);

/// Resolves a URI reference, such as a Location's, against the target of the request that it answers (RFC
/// 3986, section 5.2). Boost.URL 1.81 does not serve: it takes "%2F" for a slash, keeps a ".." above the
/// root, and refuses the brackets that targets have here.
/// @param hosts  Host values under which the answering server is known; no other authority is ours
/// @return a target in origin-form, without fragment; empty if it leads elsewhere or is malformed
[[nodiscard]] std::optional<std::string> resolve_reference(std::string_view reference,
                                                           std::string_view base_target,
                                                           const std::vector<std::string>& hosts);

/// Whether some reader could take `path` for a path outside the folder that it seems to lie in: it has a
/// segment "." or ".." (RFC 3986, section 5.2.4). The segment may be plain or percent-encoded, with or
/// without ';' and parameters behind it. Slashes may be encoded, and backslashes count as slashes.
/// @param path  of a valid target; never decoded before
[[nodiscard]] bool has_dot_segments(std::string_view path);

}  // namespace roktcached::http
