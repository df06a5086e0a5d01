#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/fields.h"

namespace roktcached::http {

/// How many more intermediaries may forward a request (RFC 9110, section 7.6.2). Only OPTIONS and TRACE are
/// counted. At 0 the request is for its recipient.
/// @return empty if the field does not count: another method, no field, more than one line, or no number. A
///          number that is too large to hold is the largest that can be held
[[nodiscard]] std::optional<std::uint32_t> max_forwards(std::string_view method, const Fields& request);

// Via (RFC 9110, section 7.6.3): the proxies that a message has come through, the first one first. A member
// is received-protocol RWS received-by [ RWS comment ].

/// The Via of a request that goes on.
/// @param received   the request's own, all of its lines; empty: none
/// @param protocol   the version of HTTP in which it came, such as "1.1"
/// @param pseudonym  received-by of the proxy that sends it
[[nodiscard]] std::string via_with(std::string_view received, std::string_view protocol,
                                   std::string_view pseudonym);

/// Whether a proxy of this name, in any case, is among the members.
[[nodiscard]] bool via_names(std::string_view via, std::string_view pseudonym);

/// The members whose received-by is `prefix` and hexadecimal digits, without their comments: the last sixteen
/// at most. All else in the field is left out.
[[nodiscard]] std::string via_of_kin(std::string_view via, std::string_view prefix);

}  // namespace roktcached::http
