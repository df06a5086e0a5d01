#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::access {

/// Whether a request may be served by its Host: the wall against DNS rebinding, where a web page's own name
/// is made to point at this machine. Ports do not count; case does not count.
/// @param allowed  names in lower case; empty: every well-formed Host passes
/// @param http11   HTTP/1.1 needs exactly one Host (RFC 9112, section 3.2); an older request may lack it
/// @return invalid_request for a missing, repeated or malformed Host, unknown_host for one that is not
/// allowed
[[nodiscard]] Result<void> check_host(const http::Fields& request, bool http11,
                                      const std::vector<std::string>& allowed);

}  // namespace roktcached::access
