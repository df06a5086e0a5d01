#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/fields.h"

namespace roktcached::http {

/// How many intermediaries more may forward a request (RFC 9110, section 7.6.2). OPTIONS and TRACE alone are
/// counted; with 0 the request is for who has received it.
/// @return empty where the field does not count: with another method, absent, on more than one line, or no
///         number; what is too large to hold is held to the largest that can be
[[nodiscard]] std::optional<std::uint32_t> max_forwards(std::string_view method, const Fields& request);

}  // namespace roktcached::http
