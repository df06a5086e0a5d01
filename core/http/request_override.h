#pragma once

#include <string_view>

namespace roktcached::http {

/// Whether a server may take a request field of this name for another method, target or host than the request
/// line and Host name, as X-HTTP-Method-Override, X-Original-URL, X-Rewrite-URL and X-Forwarded-Prefix are by
/// some frameworks, and X-Action, SOAPAction and WebDAV's Destination say what is to be done: by the words of
/// the name, since there is no list of all such fields. So may a name with anything else than letters, digits
/// and '-': many servers take `_` and the like for '-'.
[[nodiscard]] bool may_override_request(std::string_view name);

}  // namespace roktcached::http
