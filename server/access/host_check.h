#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::access {

/// Whether a request may be served by its Host. This guards against DNS rebinding, where the name of a web
/// page's own site is made to point at this machine. Neither the port nor upper and lower case count.
/// @param allowed  names in lower case; empty: every well-formed Host passes
/// @param http11   HTTP/1.1 needs exactly one Host (RFC 9112, section 3.2); an older request may lack it
/// @return invalid_request for a missing, repeated or malformed Host; unknown_host, which is answered with
///          421, for one that is not allowed
[[nodiscard]] Result<void> check_host(const http::Fields& request, bool http11,
                                      const std::vector<std::string>& allowed);

}  // namespace roktcached::access
