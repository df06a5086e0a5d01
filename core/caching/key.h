#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/caching/text.h"
#include "core/error.h"
#include "core/http/fields.h"
#include "core/http/target.h"

namespace roktcached::caching {

/// 128 bits that stand for a key in tables and in logs. Never proof of equality: the key's text is compared
/// too.
struct KeyHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

/// 32 hex digits, lower case.
[[nodiscard]] std::string to_hex(const KeyHash& hash);

/// The hash that to_hex wrote, in either case of its letters; empty for any other text.
[[nodiscard]] std::optional<KeyHash> key_hash_of_hex(std::string_view text);

/// For unordered containers: the hash is uniform already.
struct KeyHashHasher {
  std::size_t operator()(const KeyHash& hash) const { return static_cast<std::size_t>(hash.low); }
};

/// Everything that can change an answer, as one line of text:
///
///     CREDENTIAL PATH[?QUERY] ROKT-VERSION[ CONTENT]
///
/// PATH[?QUERY] is the one spelling in which the upstream is asked: dateStart, dateEnd, currency and
/// timeZoneVariation, then all others sorted by name; names and values in canonical form. An absent
/// rokt-version is LATEST. CONTENT is that of a query, as QueryBody::canonical has it. Two requests share a
/// text exactly where the upstream must answer them alike.
class Key {
 public:
  Key() = default;
  explicit Key(std::string_view text);  ///< @param text  as above; from key_of or from a store that kept one
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] const KeyHash& hash() const { return hash_; }
  friend bool operator==(const Key& left, const Key& right) {
    return left.hash_ == right.hash_ && left.text_ == right.text_;
  }

  [[nodiscard]] std::size_t room() const { return text_.room(); }   ///< as Text has it
  char* move_text_to(char* place) { return text_.move_to(place); }  ///< likewise
  /// From now on it is `key`, and its text stands at `place`, as Text has it.
  char* write_to(char* place, const Key& key) {
    hash_ = key.hash_;
    return text_.write_to(place, key.text());
  }

 private:
  Text text_;
  KeyHash hash_;  // XXH3, 128 bits, seed 0
};

/// The version of a request that names none.
constexpr std::string_view latest_version = "LATEST";

/// The version that a request asks for, by its field rokt-version: the only field of a request that goes
/// upstream on a report or metadata route and can change the answer.
/// @return invalid_request if it comes more than once, or is not a token of at most 64 bytes (RFC 9110,
///         section 5.6.2)
[[nodiscard]] Result<std::string> requested_version(const http::Fields& request);

/// @param credential    the name of the credential that fetches the answer; `[A-Za-z0-9_-]+`
/// @param path          as the route table matched it
/// @param parameters    of the request's query, in any order
/// @param rokt_version  from requested_version
/// @param content       canonical, of a query; else empty
[[nodiscard]] Key key_of(std::string_view credential, std::string_view path,
                         std::span<const http::QueryParameter> parameters, std::string_view rokt_version,
                         std::string_view content = {});

/// PATH[?QUERY] as it stands in a key: what a request asks for, whoever asks and in whatever version.
[[nodiscard]] std::string canonical_target(std::string_view path,
                                           std::span<const http::QueryParameter> parameters);

/// The parts of a key's text: views into it.
struct KeyParts {
  std::string_view credential;
  std::string_view target;  ///< PATH[?QUERY]
  std::string_view rokt_version;
  std::string_view content;  ///< empty if the question has none: it is no query
};
[[nodiscard]] KeyParts parts_of(const Key& key);
/// One of them.
[[nodiscard]] std::string_view target_of(const Key& key);

/// A key taken apart again, for the cache file's readable columns. Absent parameters are empty.
struct KeyColumns {
  std::string credential;
  std::string path;
  std::optional<std::string> date_start;
  std::optional<std::string> date_end;
  std::optional<std::string> currency;
  std::optional<std::string> time_zone;  ///< percent-decoded, as are the three above
  std::string rokt_version;
  /// Canonical "a=1&b=2", sorted; groupby among them. Of a query, also its content, behind a space.
  std::string other_parameters;
};

[[nodiscard]] KeyColumns columns_of(const Key& key);

}  // namespace roktcached::caching
