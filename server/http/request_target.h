#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace roktcached::http {

/// Reads any of the four forms of a target (RFC 9112, section 3.2).
/// @param encrypted    the request came over TLS, so that https is the scheme
/// @param origin_form  out: the target as it is routed
/// @return the authority of a target in absolute-form, which takes the place of Host (section 3.2.2) and is
///          to be judged as Host is; empty for one in origin-form; invalid_request, or method_not_allowed for
///          the server as a whole ("OPTIONS *")
[[nodiscard]] Result<std::string_view> read_target(std::string_view method, std::string_view target,
                                                   bool encrypted, std::string& origin_form);

/// Whether nobody can read a request line in another way than we do: its method is one of RFC 9110 or RFC
/// 5789 that is in use, and its target follows RFC 3986 without exception.
/// @param origin_form  from read_target
[[nodiscard]] bool is_beyond_doubt(std::string_view method, std::string_view origin_form);

}  // namespace roktcached::http
