#pragma once

#include "core/http/fields.h"
#include "core/rokt/routes.h"
#include "server/http/message.h"

namespace roktcached::proxy {

/// Fields that are left to the origin, since nothing here judges them.
struct LeftToOrigin {
  bool conditions = true;  ///< If-None-Match and If-Modified-Since
  bool range = true;       ///< Range and If-Range
};

/// The client's fields as an intermediary passes them on (RFC 9110, section 7.6), on a route with cache =
/// "http" or "off": all except those of this connection, and those for us alone. Each name has one line;
/// several lines are joined by ", ", those of Cookie by "; " (RFC 6265, section 4.2.1). Max-Forwards is one
/// less if it counts. The code that sends the request adds us to Via.
///
/// A local token is never passed on. If the shared token is used, neither is the client's Authorization, nor
/// any field that could make the request another one: see http::may_override_request.
/// @param request  without X-API-Key, and without fields that show one (see remove_telling_fields)
[[nodiscard]] http::Fields forwarded_fields(const http::Request& request, const rokt::Route& route,
                                            LeftToOrigin left);

}  // namespace roktcached::proxy
