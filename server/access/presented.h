#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/secret.h"
#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::access {

/// Cuts every query parameter whose decoded name is exactly "api_key" out of a raw target; the rest stays
/// byte for byte. Costs one search of the query, and no memory, where there is none.
/// @return its value, decoded; empty if there is none; invalid_request for more than one, or a malformed
/// value: they are cut out all the same, so that no log shows them
[[nodiscard]] Result<std::optional<config::Secret>> take_api_key(std::string& target);

/// The credential that a request shows. Borrows the request's fields and the API key; copying it copies no
/// secret.
struct Presented {
  enum class Kind : char {
    nothing,
    api_key,        ///< `text` is SECRET or NAME:SECRET
    basic,          ///< `text` is base64 of NAME:SECRET (RFC 7617)
    local_token,    ///< `text` is the token
    foreign_token,  ///< `text` is a bearer token that nobody here can have given
    other,          ///< a scheme that is not known here, or what is malformed
  };
  Kind kind = Kind::nothing;
  std::string_view text;

  [[nodiscard]] bool shows_nothing() const { return kind == Kind::nothing; }
};

/// Reads the credential of a request. An API key, in X-API-Key or the target, goes before Authorization.
/// @param api_key  from take_api_key
/// @return invalid_request for more than one API key, or more than one Authorization
[[nodiscard]] Result<Presented> present(const http::Fields& request,
                                        const std::optional<config::Secret>& api_key);

/// Removes every field that has an address with an API key in it, so that the upstream does not see the key.
/// The Referer of a page that was asked for with a key is such a field, and so are fields in which a server
/// before this one repeats the target.
void remove_telling_fields(http::Fields& request);

/// The credentials behind a scheme, which is compared without case (RFC 9110, section 11.1); empty for
/// another scheme.
[[nodiscard]] std::optional<std::string_view> after_scheme(std::string_view authorization,
                                                           std::string_view scheme);

/// The credential that an Authorization's value shows.
[[nodiscard]] Presented read_authorization(std::string_view value);

/// A name and a secret, as they were shown. The views point into what was read.
struct Pair {
  std::string_view name;
  std::string_view secret;
};
/// Split at the first ':'; empty if there is none.
[[nodiscard]] std::optional<Pair> split_pair(std::string_view text);

/// The content of a Basic's `text`; empty if it is not base64.
[[nodiscard]] std::optional<config::Secret> decode_basic(std::string_view text);

/// `text` with its percent-encoded octets decoded; '+' stays '+'. Empty if a '%' has not two hex digits
/// behind it.
[[nodiscard]] std::optional<config::Secret> percent_decoded(std::string_view text);

}  // namespace roktcached::access
