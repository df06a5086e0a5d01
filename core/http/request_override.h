#pragma once

#include <string_view>

namespace roktcached::http {

/// Whether some server may take a request field of this name for another method, target or host than those of
/// the request line and Host. Some frameworks do so with X-HTTP-Method-Override, X-Original-URL,
/// X-Rewrite-URL and X-Forwarded-Prefix; X-Action, SOAPAction and WebDAV's Destination say what is to be
/// done. There is no list of all such fields, so the words of the name decide. A name with anything else than
/// letters, digits and '-' counts as one, too: many servers take `_` and the like for '-'.
[[nodiscard]] bool may_override_request(std::string_view name);

}  // namespace roktcached::http
