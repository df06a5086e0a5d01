#pragma once

#include "core/http/fields.h"

namespace roktcached::http {

/// True where Accept-Encoding says that gzip is welcome (RFC 9110, section 12.5.3): named as gzip or x-gzip,
/// or meant by `*`, with a quality above 0 and no lower than that of identity. A request without the field
/// would take anything, but mostly comes from a client that knows no codings: false. So is a member that is
/// malformed, and of members that contradict each other the least willing counts. A client that refuses
/// identity too gets it all the same: nothing would serve it better.
[[nodiscard]] bool prefers_gzip(const Fields& request);

}  // namespace roktcached::http
